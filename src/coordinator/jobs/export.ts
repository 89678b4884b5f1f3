import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CompressionProfile, OutputCompression } from '../../compression/codec.ts';
import { profileFor } from '../../compression/codecs.ts';
import { engineError } from '../../errors/kinds.ts';
import type { EngineError } from '../../errors/engine-error.ts';
import { asEngineError } from '../../errors/wire.ts';
import { familiarReference } from '../../identity/reference.ts';
import type { KeptIndex } from '../../graph/indexes.ts';
import type { Platform } from '../../image/image-source.ts';
import type { ImageSink, SinkLayer } from '../../image/image-sink.ts';
import { ociLayerType } from '../../image/media-types.ts';
import { throwIfAborted } from '../../streams/abort.ts';
import type { JobRun, JobTools } from '../job-context.ts';
import { describeForExport, type ExportableImage } from './export-image.ts';
import { chooseMember } from './import-index.ts';

/** Writes images, each distinct layer once, to an archive or a layout. */
export interface ExportJob {
  type: 'export';
  /** Names, ids or prefixes. */
  names: readonly string[];
  sink: ImageSink;
  compression?: OutputCompression | 'keep' | undefined;
  level?: number | undefined;
  reproducible?: boolean | undefined;
  /** Fail before anything is written unless every manifest stays the same. */
  preserveDigests?: boolean | undefined;
  platform?: Platform | undefined;
  /** The name in the destination, for a single image. */
  ref?: string | null | undefined;
  onImage?: ((result: ExportedImage) => void) | undefined;
}

export type ExportedImage = (ExportResult & { error: null }) | { name: string; error: EngineError };

export interface ExportResult {
  name: string;
  id: string;
  configDigest: string;
  manifestDigest: string | null;
  layers: number;
  /** Bytes of layers as they are in the destination. */
  bytes: number;
  seconds: number;
  equal: string;
}

interface Planned {
  name: string;
  names: string[];
  image: ExportableImage;
  index: KeptIndex | null;
}

/** The layers of one destination, made at most once each. */
class LayerWriter {
  readonly #tools: JobTools;
  readonly #job: ExportJob;
  readonly #run: JobRun;
  readonly #dir: string;
  readonly #profile: CompressionProfile | null;
  readonly #written = new Map<string, Promise<SinkLayer>>();
  readonly #progress = new Map<string, number>();

  constructor(tools: JobTools, job: ExportJob, run: JobRun, dir: string) {
    this.#tools = tools;
    this.#job = job;
    this.#run = run;
    this.#dir = dir;
    const { compression = job.sink.defaultCompression, level, reproducible } = job;
    this.#profile =
      compression === 'keep'
        ? null
        : profileFor({
            compression,
            ...(level === undefined ? {} : { level }),
            ...(reproducible === undefined ? {} : { reproducible }),
          });
  }

  layersOf(image: ExportableImage): Promise<SinkLayer[]> {
    return Promise.all(image.layers.map((_layer, index) => this.#layer(image, index)));
  }

  #layer(image: ExportableImage, index: number): Promise<SinkLayer> {
    const { diffId, id } = image.layers[index]!;
    const kept = this.#profile === null ? image.blobs[index]! : null;
    const key = kept?.digest ?? diffId;
    const running = this.#written.get(key);
    if (running !== undefined) return running;
    const layer = kept === null ? this.#pack(id, diffId) : this.#copyKept(kept, diffId);
    this.#written.set(key, layer);
    return layer;
  }

  async #copyKept(
    kept: NonNullable<ExportableImage['blobs'][number]>,
    diffId: SinkLayer['diffId'],
  ): Promise<SinkLayer> {
    const { graph, pool } = this.#tools;
    const { sink } = this.#job;
    const { digest, size, compression } = kept;
    const mediaType = kept.mediaType ?? ociLayerType(compression === 'zstd' ? 'zstd' : 'gzip');
    if (!(await sink.hasBlob(digest, size))) {
      const release = await this.#tools.spool.acquire(size, this.#run.signal);
      try {
        const to = join(this.#dir, digest.replace(':', '-'));
        await pool.run('blob.copy', { blob: graph.blobs.ref(digest, size), to }, { signal: this.#run.signal });
        await sink.putBlob(digest, { path: to, size }, { move: true });
      } finally {
        release();
      }
    }
    this.#tell(digest, size);
    return { diffId, digest, size, mediaType };
  }

  async #pack(id: string, diffId: SinkLayer['diffId']): Promise<SinkLayer> {
    const { graph } = this.#tools;
    const { sink } = this.#job;
    const profile = this.#profile ?? profileFor({ compression: 'none' });
    const mediaType = ociLayerType(profile.compression);
    const tarSize = (await graph.infoOf(id))?.tarSize ?? 0;
    if (profile.compression === 'none' && tarSize > 0 && (await sink.hasBlob(diffId, tarSize))) {
      return { diffId, digest: diffId, size: tarSize, mediaType };
    }
    const release = await this.#tools.spool.acquire(tarSize, this.#run.signal);
    try {
      const to = join(this.#dir, id);
      const { blob } = await graph.exportLayer(id, profile, to, {
        signal: this.#run.signal,
        onProgress: ({ bytesIn }) => this.#tell(id, bytesIn),
      });
      if (await sink.hasBlob(blob.digest, blob.size)) await rm(to);
      else await sink.putBlob(blob.digest, { path: to, size: blob.size }, { move: true });
      return { diffId, digest: blob.digest, size: blob.size, mediaType };
    } finally {
      release();
    }
  }

  #tell(key: string, bytes: number): void {
    this.#progress.set(key, bytes);
    const bytesIn = [...this.#progress.values()].reduce((sum, value) => sum + value, 0);
    this.#run.report({ bytesIn, bytesOut: 0, entries: 0 });
  }
}

/** Everything is looked up before the first byte is written; images that fail later leave the others alone. */
export async function runExport(tools: JobTools, job: ExportJob, run: JobRun): Promise<ExportedImage[]> {
  const planned: Planned[] = [];
  for (const name of job.names) planned.push(await plan(tools, job, name));
  if (job.preserveDigests === true) for (const image of planned) refuseNewManifest(job, image);
  const dir = await mkdtemp(join(tools.tempDir, 'layermill-export-'));
  const writer = new LayerWriter(tools, job, run, dir);
  try {
    const results = await Promise.all(planned.map((image) => exportOne(tools, job, run, writer, image)));
    throwIfAborted(run.signal);
    if (results.some((result) => result.error === null)) await job.sink.commit();
    for (const result of results) job.onImage?.(result);
    return results;
  } finally {
    await job.sink.close();
    await rm(dir, { recursive: true, force: true });
  }
}

async function plan({ graph, tags }: JobTools, job: ExportJob, name: string): Promise<Planned> {
  const index = (await graph.indexes.of(name)) ?? (await graph.indexes.of(familiarReference(name)));
  const member = index === null ? null : chooseMember(index, job.platform ?? null);
  if (job.platform !== undefined && member === null) {
    const { os, architecture } = job.platform;
    const message = `${JSON.stringify(name)} has no image for ${os}/${architecture} in this store`;
    throw engineError('UNSUPPORTED_PLATFORM', message, { platform: `${os}/${architecture}` });
  }
  const id = member?.id ?? (await tags.lookupImage(name)).id;
  const image = await describeForExport(graph, id);
  const known = tags.byId().get(id) ?? [];
  const asked = known.filter((known) => known === name || known === familiarReference(name));
  return { name, names: asked.length > 0 ? asked : known, image, index: job.platform === undefined ? index : null };
}

function keepsManifest(job: ExportJob, { manifest }: ExportableImage): boolean {
  const compression = job.compression ?? job.sink.defaultCompression;
  return compression === 'keep' && job.sink.keepsManifests && manifest !== null;
}

function refuseNewManifest(job: ExportJob, { name, image }: Planned): void {
  if (keepsManifest(job, image)) return;
  const compression = job.compression ?? job.sink.defaultCompression;
  const reason =
    compression === 'keep' ? image.manifestMissing : `the layers are to be packed anew (--compression ${compression})`;
  const message = `the manifest of ${name} cannot stay the same: ${reason || 'the destination has no place for it'}; nothing was written`;
  throw engineError('MANIFEST_NOT_PRESERVED', message, { name, reason });
}

async function exportOne(
  tools: JobTools,
  job: ExportJob,
  run: JobRun,
  writer: LayerWriter,
  planned: Planned,
): Promise<ExportedImage> {
  const started = performance.now();
  const { name, image } = planned;
  const release = await tools.images.acquire(1, run.signal);
  try {
    const layers = await writer.layersOf(image);
    const manifest = keepsManifest(job, image) ? image.manifest : null;
    const written = await job.sink.putImage({
      names: planned.names,
      ref: job.ref ?? null,
      config: image.config,
      configDigest: image.configDigest,
      layers,
      manifest,
      chain: image.chain,
      createdSec: Math.floor(Date.parse(image.image.created) / 1000) || 0,
    });
    await putIndex(tools, job, planned);
    return {
      name,
      id: image.image.id,
      configDigest: image.configDigest,
      manifestDigest: written.manifestDigest,
      layers: layers.length,
      bytes: layers.reduce((sum, layer) => sum + layer.size, 0),
      seconds: Math.round(performance.now() - started) / 1000,
      equal: equality(image, written.manifestDigest),
      error: null,
    };
  } catch (error) {
    return { name, error: asEngineError(error) };
  } finally {
    release();
  }
}

function equality(image: ExportableImage, manifestDigest: string | null): string {
  if (image.manifest !== null && image.manifest.digest === manifestDigest)
    return 'identical bytes: manifest, config and layers';
  if (image.newConfig) return 'same DiffIDs; new config, new manifest';
  return 'same config and DiffIDs; new manifest';
}

/** A kept index is given again when all its images are here and keep their manifests. */
async function putIndex({ graph }: JobTools, job: ExportJob, { index, names }: Planned): Promise<void> {
  if (index === null || !job.sink.keepsManifests) return;
  const compression = job.compression ?? job.sink.defaultCompression;
  const images = index.members.filter((member) => member.id !== null);
  if (compression !== 'keep' || images.length === 0) return;
  for (const { id } of images) {
    const { manifest } = await describeForExport(graph, id!);
    if (manifest === null) return;
  }
  if (images.length > 1) return;
  await job.sink.putIndex({
    names,
    ref: job.ref ?? null,
    raw: await graph.indexes.raw(index.digest),
    mediaType: index.mediaType,
    digest: index.digest,
  });
}
