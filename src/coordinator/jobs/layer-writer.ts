import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CompressionProfile } from '../../compression/codec.ts';
import { profileFor } from '../../compression/codecs.ts';
import { profileText } from '../../compression/profile-text.ts';
import { readDocument } from '../../formats/read-document.ts';
import type { KeptIndex } from '../../graph/indexes.ts';
import type { KeptBlob } from '../../graph/image.ts';
import type { Digest } from '../../identity/digest.ts';
import type { ImageSink, SinkLayer } from '../../image/image-sink.ts';
import { ociLayerType } from '../../image/media-types.ts';
import { bringAttachments } from '../attachments.ts';
import type { JobRun, StoreTools } from '../job-context.ts';
import type { ExportableImage } from './export-image.ts';

type Layer = ExportableImage['layers'][number];

/** A layer may cost a little disk even when its size is not known. */
const LEAST_BYTES = 1024 * 1024;

/** Brings layers to one destination, side by side, and each distinct one once. */
export class LayerWriter {
  readonly #tools: StoreTools;
  readonly #sink: ImageSink;
  readonly #run: JobRun;
  readonly #dir: string;
  readonly #profile: CompressionProfile | 'keep';
  readonly #written = new Map<string, Promise<SinkLayer>>();
  readonly #progress = new Map<Digest, number>();

  /** `dir` is for what is unfinished; with `keep`, packed layers that are kept go as they are, others as plain tars. */
  constructor(tools: StoreTools, sink: ImageSink, run: JobRun, dir: string, profile: CompressionProfile | 'keep') {
    this.#tools = tools;
    this.#sink = sink;
    this.#run = run;
    this.#dir = dir;
    this.#profile = profile;
  }

  /** How layers are packed, in a word. */
  get profile(): string {
    return this.#profile === 'keep' ? 'keep' : profileText(this.#profile);
  }

  /** A manifest that is kept names plain layers where they came plain, also where others are packed on the way. */
  layersOf(image: ExportableImage, keepManifest: boolean): Promise<SinkLayer[]> {
    return Promise.all(image.layers.map((layer) => this.#once(layer, keepManifest)));
  }

  /** Brings what an index lists beside images. */
  putAttachments({ attachments, mediaType }: KeptIndex, raw: Buffer): Promise<void> {
    const { blobs } = this.#tools.graph;
    return bringAttachments(this.#sink, {
      raw,
      mediaType,
      blobs: attachments,
      digestOf: ({ digest }) => digest,
      copy: (kept) => this.putKept(kept),
      read: ({ digest, size }) => readDocument(blobs.ref(digest, size), 'a member of an index'),
    });
  }

  /** Copies a blob that the store keeps, checked on the way. */
  async putKept({ digest, size }: { digest: Digest; size: number }): Promise<void> {
    const { graph, pool, spool } = this.#tools;
    const { signal } = this.#run;
    if (!(await this.#sink.hasBlob(digest, size))) {
      const release = await spool.acquire(size, signal);
      try {
        const to = join(this.#dir, digest.replace(':', '-'));
        const onProgress: JobRun['report'] = ({ bytesIn }) => this.#tell(digest, bytesIn);
        await pool.run('blob.copy', { blob: graph.blobs.ref(digest, size), to }, { signal, onProgress });
        await this.#sink.putBlob(digest, { path: to, size }, { move: true });
      } finally {
        release();
      }
    }
    this.#tell(digest, size);
  }

  #once(layer: Layer, keepManifest: boolean): Promise<SinkLayer> {
    const kept = this.#profile === 'keep' ? layer.kept : null;
    const plain = keepManifest ? 'none' : (this.#sink.plainLayers ?? 'none');
    const profile = this.#profile === 'keep' ? profileFor({ compression: plain }) : this.#profile;
    const key = kept?.digest ?? `${layer.diffId} ${profile.compression}`;
    const known = this.#written.get(key);
    if (known !== undefined) return known;
    const made = kept === null ? this.#pack(layer, profile) : this.#copy(layer, kept);
    this.#written.set(key, made);
    return made;
  }

  async #copy({ diffId }: Layer, { digest, size, compression, mediaType }: KeptBlob): Promise<SinkLayer> {
    await this.putKept({ digest, size });
    return { diffId, digest, size, mediaType: mediaType ?? ociLayerType(compression === 'zstd' ? 'zstd' : 'gzip') };
  }

  async #pack({ id, diffId, tarSize }: Layer, profile: CompressionProfile): Promise<SinkLayer> {
    const mediaType = ociLayerType(profile.compression);
    if (profile.compression === 'none' && (await this.#sink.hasBlob(diffId, tarSize))) {
      this.#tell(diffId, tarSize);
      return { diffId, digest: diffId, size: tarSize, mediaType };
    }
    const release = await this.#tools.spool.acquire(Math.max(tarSize, LEAST_BYTES), this.#run.signal);
    try {
      const { digest, size } = await this.#packed(id, diffId, profile);
      return { diffId, digest, size, mediaType };
    } finally {
      release();
    }
  }

  async #packed(id: string, diffId: Digest, profile: CompressionProfile): Promise<{ digest: Digest; size: number }> {
    const to = join(this.#dir, `${id}-${profile.compression}`);
    const { blob } = await this.#tools.graph.exportLayer(id, profile, to, {
      signal: this.#run.signal,
      onProgress: ({ bytesIn }) => this.#tell(diffId, bytesIn),
    });
    if (await this.#sink.hasBlob(blob.digest, blob.size)) await rm(to);
    else await this.#sink.putBlob(blob.digest, { path: to, size: blob.size }, { move: true });
    return blob;
  }

  #tell(key: Digest, bytes: number): void {
    this.#progress.set(key, bytes);
    const bytesIn = [...this.#progress.values()].reduce((sum, value) => sum + value, 0);
    this.#run.report({ bytesIn, bytesOut: 0, entries: 0 });
  }
}
