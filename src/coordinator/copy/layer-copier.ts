import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Compression, CompressionProfile } from '../../compression/codec.ts';
import { profileFor } from '../../compression/codecs.ts';
import { profileText } from '../../compression/profile-text.ts';
import { engineError } from '../../errors/kinds.ts';
import { readDocument } from '../../formats/read-document.ts';
import { type Digest, digestMismatch } from '../../identity/digest.ts';
import type { ImageSink, SinkLayer } from '../../image/image-sink.ts';
import type { SourceLayer } from '../../image/image-source.ts';
import { ociLayerType } from '../../image/media-types.ts';
import { isPending, type PendingBlob } from '../../image/pending-blob.ts';
import { throwIfAborted } from '../../streams/abort.ts';
import type { BlobRef } from '../../streams/blob-ref.ts';
import type { SpoolShare } from '../../streams/spool-budget.ts';
import type { BlobDigest } from '../../tasks/task-map.ts';
import type { JobRun, JobTools } from '../job-context.ts';
import type { LayerWatch } from './layer-watch.ts';
import { packBlob } from './pack-blob.ts';
import type { PackedLayers } from './packed-layers.ts';
import { plainLayer } from './plain-layer.ts';

/** How layers are to look in the destination. */
export interface LayerPlan {
  sink: ImageSink;
  /** `keep`: as they come. */
  profile: CompressionProfile | 'keep';
  /** Pack also what came in the compression of the profile. */
  repack: boolean;
  packed: PackedLayers;
  /** For what is unfinished; on the file system of the destination when it has one. */
  dir: string;
}

/** A layer that is in the destination. */
export interface CopiedLayer extends SinkLayer {
  /** Bytes that were brought for it; 0 when it was there, or came for somebody else. */
  sent: number;
  /** How it was packed anew; null when it was not. */
  profile: string | null;
}

/** What a layer would cost. */
export interface ForeseenLayer {
  /** Null when it has to be packed or fetched to know. */
  size: number | null;
  there: boolean;
}

/** Brings layers to one destination, side by side, and each distinct one once, whichever images have it. */
export class LayerCopier {
  readonly #tools: JobTools;
  readonly #run: JobRun;
  readonly #plan: LayerPlan;
  readonly #begun = new Map<string, Promise<CopiedLayer>>();
  readonly #progress = new Map<string, number>();
  #files = 0;

  constructor(tools: JobTools, run: JobRun, plan: LayerPlan) {
    this.#tools = tools;
    this.#run = run;
    this.#plan = plan;
  }

  /** The profile that a layer will be packed by; null when it goes as it is. */
  async profileOf(given: SourceLayer): Promise<CompressionProfile | null> {
    const { layer, compression } = await plainLayer(this.#tools, given);
    return this.#profileFor(layer, compression);
  }

  async copy(given: SourceLayer, watch: LayerWatch = this.#watchFor(given)): Promise<CopiedLayer> {
    const { layer, compression } = await plainLayer(this.#tools, given);
    const profile = this.#profileFor(layer, compression);
    if (profile === null) return this.#keep(layer, compression, watch);
    return this.#pack(layer, compression, profile, watch);
  }

  /** What `copy` would do, without doing it. */
  async foresee(given: SourceLayer): Promise<ForeseenLayer> {
    const { layer, compression } = await plainLayer(this.#tools, given);
    const profile = this.#profileFor(layer, compression);
    const known = profile === null ? promisedOf(layer, compression) : await this.#known(layer, compression, profile);
    if (known === null) return { size: null, there: false };
    return { size: known.size, there: await this.#plan.sink.hasBlob(known.digest, known.size) };
  }

  /** Brings a blob that is no layer: a part of an artifact, an attestation. */
  async copyBlob(blob: BlobRef | PendingBlob): Promise<{ digest: Digest; size: number; sent: number }> {
    const promised = { digest: blob.digest!, size: sizeOf(blob)! };
    const layer = { diffId: promised.digest, blob, mediaType: null };
    return this.#once(promised.digest, () => this.#bring(layer, promised, 'none', this.#watchFor(layer)));
  }

  /** The bytes of a blob that is a document. */
  async readBlob(blob: BlobRef | PendingBlob): Promise<Buffer> {
    if (!isPending(blob)) return readDocument(blob, 'a member of an index');
    const path = join(this.#plan.dir, `document-${this.#files++}`);
    try {
      const { digest, size } = await blob.obtain(path, { signal: this.#run.signal });
      return await readDocument({ path, digest, size }, 'a member of an index');
    } finally {
      await rm(path, { force: true });
    }
  }

  #profileFor({ mediaType }: SourceLayer, compression: Compression): CompressionProfile | null {
    const { profile, repack, sink } = this.#plan;
    if (profile !== 'keep') return profile.compression === compression && !repack ? null : profile;
    // What a manifest names goes as that says; a layer of an archive has no such promise to keep.
    const mayPack = compression === 'none' && mediaType === null;
    return mayPack && sink.plainLayers === 'gzip' ? profileFor({ compression: 'gzip' }) : null;
  }

  async #keep(layer: SourceLayer, compression: Compression, watch: LayerWatch): Promise<CopiedLayer> {
    const promised = promisedOf(layer, compression);
    if (promised !== null) {
      const copied = await this.#once(promised.digest, () => this.#bring(layer, promised, compression, watch));
      if (copied.size !== promised.size) throw otherSize(promised, copied.size);
      return { ...copied, diffId: layer.diffId, mediaType: mediaTypeOf(layer, compression) };
    }
    return this.#once(`${layer.diffId} as it is`, () => this.#bringUnknown(layer, compression, watch));
  }

  async #bring(
    layer: SourceLayer,
    promised: BlobDigest,
    compression: Compression,
    watch: LayerWatch,
  ): Promise<CopiedLayer> {
    const { sink } = this.#plan;
    const { blob, diffId } = layer;
    const copied = { diffId, ...promised, mediaType: mediaTypeOf(layer, compression), sent: 0, profile: null };
    if (await sink.hasBlob(promised.digest, promised.size, isPending(blob) ? blob.origin : undefined)) return copied;
    if (isPending(blob) && blob.pour !== undefined && sink.pourBlob !== undefined) {
      const onBytes = (bytes: number): void => watch.bytes(bytes);
      await timed(watch, 'write', sink.pourBlob(promised.digest, promised.size, blob.pour, onBytes));
    } else if (isPending(blob)) {
      await this.#withSpool(async (share) => {
        await timed(watch, 'wait', share.grow(promised.size, this.#run.signal));
        const path = await this.#obtain(blob, share, watch);
        await timed(watch, 'write', sink.putBlob(promised.digest, { path, size: promised.size }, { move: true }));
      });
    } else {
      await timed(watch, 'write', sink.putBlob(promised.digest, { ...blob, ...promised }, { move: false }));
      watch.bytes(promised.size);
    }
    return { ...copied, sent: promised.size };
  }

  /** A layer of which nobody says what blob it is: a rebuilt one, or a packed one in an archive without digests. */
  async #bringUnknown(layer: SourceLayer, compression: Compression, watch: LayerWatch): Promise<CopiedLayer> {
    const { sink } = this.#plan;
    const { blob, diffId } = layer;
    const mediaType = mediaTypeOf(layer, compression);
    if (!isPending(blob)) return this.#bring(layer, await this.#hash(blob, diffId, watch), compression, watch);
    return this.#withSpool(async (share) => {
      const path = join(this.#plan.dir, `layer-${this.#files++}`);
      const { signal } = this.#run;
      const room = (bytes: number): Promise<void> => share.grow(bytes, signal);
      const obtaining = blob.obtain(path, { signal, room, onWarning: this.#onWarning });
      const { digest, size } = await timed(watch, 'read', obtaining);
      const sent = (await sink.hasBlob(digest, size)) ? 0 : size;
      if (sent === 0) await rm(path);
      else await timed(watch, 'write', sink.putBlob(digest, { path, size }, { move: true }));
      watch.bytes(size);
      return { diffId, digest, size, mediaType, sent, profile: null };
    });
  }

  /** Proves a layer in a file, and answers what blob it is. */
  async #hash(blob: BlobRef, diffId: Digest, watch: LayerWatch): Promise<BlobDigest> {
    const source = { from: 'blob', blob } as const;
    const { pool, limits } = this.#tools;
    const input = { source, bytes: { keepBlob: null, expected: { diffId } }, limits };
    const options = { signal: this.#run.signal, rank: blob.length ?? 0, onProgress: watch.task() };
    const { digests } = await pool.run('layer.hash', input, options);
    return digests.blob;
  }

  async #pack(
    layer: SourceLayer,
    compression: Compression,
    profile: CompressionProfile,
    watch: LayerWatch,
  ): Promise<CopiedLayer> {
    const text = profileText(profile);
    const { diffId } = layer;
    const mediaType = ociLayerType(profile.compression);
    // Until somebody has unpacked it, a packed blob is not taken for what a config says of it: another may say otherwise.
    const { packed } = this.#plan;
    const key = `${(await packed.isProven(layer, compression)) ? diffId : `${layer.blob.digest!} ${diffId}`} ${text}`;
    const bring = async (): Promise<CopiedLayer> => {
      const known = await this.#known(layer, compression, profile);
      const there = known === null ? null : await this.#reuse(known, watch);
      const made = there ?? (await this.#make(layer, compression, profile, watch));
      watch.bytes(sizeOf(layer.blob) ?? made.size);
      return { diffId, ...made, mediaType, profile: text };
    };
    return this.#once(key, () => packed.alone(key, bring, this.#run.signal));
  }

  /** What packing the layer gave before, in this run or an earlier one. */
  async #known(layer: SourceLayer, compression: Compression, profile: CompressionProfile): Promise<BlobDigest | null> {
    const { packed } = this.#plan;
    if (profile.compression === 'none' || !(await packed.isProven(layer, compression))) return null;
    return packed.resultOf(layer.diffId, profileText(profile));
  }

  async #reuse(known: BlobDigest, watch: LayerWatch): Promise<(BlobDigest & { sent: number }) | null> {
    const { sink, packed, dir } = this.#plan;
    if (await sink.hasBlob(known.digest, known.size)) return { ...known, sent: 0 };
    return this.#withSpool(async (share) => {
      await timed(watch, 'wait', share.grow(known.size, this.#run.signal));
      const path = join(dir, `cached-${this.#files++}`);
      if (!(await timed(watch, 'read', packed.bring(known, path, this.#run.signal)))) return null;
      await timed(watch, 'write', sink.putBlob(known.digest, { path, size: known.size }, { move: true }));
      return { ...known, sent: known.size };
    });
  }

  async #make(
    layer: SourceLayer,
    compression: Compression,
    profile: CompressionProfile,
    watch: LayerWatch,
  ): Promise<BlobDigest & { sent: number }> {
    const { sink, dir, packed } = this.#plan;
    const { diffId, blob } = layer;
    return this.#withSpool(async (share) => {
      const input = await this.#inFile(blob, share, watch);
      const to = join(dir, `packed-${this.#files++}`);
      try {
        await timed(watch, 'wait', share.grow(input.size, this.#run.signal));
        const work = { blob: input, compression, diffId, profile, to };
        const made = await packBlob(this.#tools, work, { signal: this.#run.signal, watch });
        await packed.note(layer, compression, profileText(profile), made, to);
        const sent = (await sink.hasBlob(made.digest, made.size)) ? 0 : made.size;
        if (sent === 0) await rm(to);
        else await timed(watch, 'write', sink.putBlob(made.digest, { path: to, size: made.size }, { move: true }));
        return { ...made, sent };
      } finally {
        if (isPending(blob)) await rm(input.path, { force: true });
      }
    });
  }

  async #inFile(
    blob: BlobRef | PendingBlob,
    share: SpoolShare,
    watch: LayerWatch,
  ): Promise<BlobRef & { size: number }> {
    if (!isPending(blob)) return { ...blob, size: sizeOf(blob) ?? (await stat(blob.path)).size };
    if (blob.size !== undefined) await timed(watch, 'wait', share.grow(blob.size, this.#run.signal));
    const path = await this.#obtain(blob, share, watch);
    return { path, size: (await stat(path)).size, ...(blob.digest === undefined ? {} : { digest: blob.digest }) };
  }

  async #obtain(blob: PendingBlob, share: SpoolShare, watch: LayerWatch): Promise<string> {
    const path = join(this.#plan.dir, `layer-${this.#files++}`);
    const onProgress = (bytes: number): void => watch.bytes(bytes);
    const room = (bytes: number): Promise<void> => share.grow(bytes, signal);
    const { signal } = this.#run;
    const onWarning = this.#onWarning;
    const wait = blob.size === undefined ? { room } : {};
    const got = await timed(watch, 'read', blob.obtain(path, { signal, onProgress, onWarning, ...wait }));
    if (blob.digest === undefined || got.digest === blob.digest) return path;
    await rm(path, { force: true });
    throw digestMismatch(blob.digest, got.digest);
  }

  async #withSpool<Value>(work: (share: SpoolShare) => Promise<Value>): Promise<Value> {
    const share = this.#tools.spool.share();
    try {
      return await work(share);
    } finally {
      share.release();
    }
  }

  readonly #onWarning = (warning: { message: string }): void => this.#run.warn(warning.message);

  /** One does it, all get it. Who waited for somebody that failed tries with its own bytes. */
  async #once(key: string, work: () => Promise<CopiedLayer>): Promise<CopiedLayer> {
    for (let others = this.#begun.get(key); others !== undefined; others = this.#begun.get(key)) {
      try {
        return { ...(await others), sent: 0 };
      } catch {
        throwIfAborted(this.#run.signal);
        if (this.#begun.get(key) === others) this.#begun.delete(key);
      }
    }
    const own = work();
    this.#begun.set(key, own);
    return own;
  }

  /** Who is not watched alone counts in the progress of the run. */
  #watchFor({ diffId }: SourceLayer): LayerWatch {
    const bytes = (count: number): void => {
      this.#progress.set(diffId, count);
      const bytesIn = [...this.#progress.values()].reduce((sum, value) => sum + value, 0);
      this.#run.report({ bytesIn, bytesOut: 0, entries: 0 });
    };
    return { bytes, task: () => () => {}, spent: () => {} };
  }
}

/** Tells the watcher how long it took, also when it failed. */
async function timed<Value>(watch: LayerWatch, stage: 'read' | 'write' | 'wait', work: Promise<Value>): Promise<Value> {
  const started = performance.now();
  try {
    return await work;
  } finally {
    watch.spent(stage, performance.now() - started);
  }
}

/** What blob a layer is, when that is known before it is read. */
function promisedOf({ blob, diffId }: SourceLayer, compression: Compression): BlobDigest | null {
  const digest = blob.digest ?? (compression === 'none' && !isPending(blob) ? diffId : undefined);
  const size = sizeOf(blob);
  return digest === undefined || size === undefined ? null : { digest, size };
}

function sizeOf(blob: BlobRef | PendingBlob): number | undefined {
  return blob.size ?? ('length' in blob ? blob.length : undefined);
}

function mediaTypeOf({ mediaType }: SourceLayer, compression: Compression): string {
  return mediaType ?? ociLayerType(compression === 'gzip' || compression === 'zstd' ? compression : 'none');
}

function otherSize({ digest, size }: BlobDigest, actual: number): Error {
  const message = `the blob ${digest} has ${actual} bytes, ${size} were promised`;
  return engineError('SIZE_MISMATCH', message, { what: digest, expected: size, actual });
}
