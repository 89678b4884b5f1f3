import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CompressionProfile } from '../../compression/codec.ts';
import { profileFor } from '../../compression/codecs.ts';
import { withLibrary } from '../../compression/libraries.ts';
import type { EngineError } from '../../errors/engine-error.ts';
import { asEngineError } from '../../errors/wire.ts';
import type { KeptIndex } from '../../graph/indexes.ts';
import type { ImageSink, SinkLayer } from '../../image/image-sink.ts';
import { throwIfAborted } from '../../streams/abort.ts';
import type { JobRun, StoreTools } from '../job-context.ts';
import type { ExportedImage, ExportJob } from './export.ts';
import { compressionOf, planExport, type PlannedImage, type PlannedName } from './export-plan.ts';
import { LayerWriter } from './layer-writer.ts';

/**
 * Everything is looked up before the first byte is written. Layers of several images are made side by side, images are
 * put in the order of their names, and one that fails leaves the others alone; nothing is visible before all is done.
 */
export async function runExport(tools: StoreTools, job: ExportJob, run: JobRun): Promise<ExportedImage[]> {
  const releases: (() => void)[] = [];
  try {
    const retain = (id: string): void => void releases.push(tools.graph.retainPresent(id));
    const planned = await planExport({ ...tools, retain }, job, run);
    const profile = await profileOf(job);
    run.expect(expectedBytes(planned, compressionOf(job)));
    const dir = await mkdtemp(join(tools.tempDir, 'layermill-export-'));
    try {
      return await exportAll(tools, job, run, planned, new LayerWriter(tools, job.sink, run, dir, profile));
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  } finally {
    for (const release of releases) release();
    await job.sink.close();
  }
}

async function exportAll(
  tools: StoreTools,
  job: ExportJob,
  run: JobRun,
  planned: readonly PlannedName[],
  writer: LayerWriter,
): Promise<ExportedImage[]> {
  const results: ExportedImage[] = [];
  const prepared = planned.map((name) => name.images.map((image) => prepare(tools, run, writer, image)));
  for (const [at, name] of planned.entries()) {
    const outcomes: ExportedImage[] = [];
    for (const [which, image] of name.images.entries())
      outcomes.push(await putImage(job.sink, image, name, prepared[at]![which]!));
    const complete = outcomes.every(({ error }) => error === null);
    if (complete && name.index !== null)
      outcomes.push(...(await putIndex(tools, job, writer, { ...name, index: name.index })));
    results.push(...outcomes);
  }
  throwIfAborted(run.signal);
  if (results.some(({ error }) => error === null)) await job.sink.commit();
  for (const result of results) job.onImage?.(result);
  return results;
}

type Prepared = { layers: SinkLayer[]; profile: string; seconds: number } | { error: EngineError };

/** Makes the layers of an image, when there is room for it; a failure is an answer, for somebody who asks later. */
async function prepare(tools: StoreTools, run: JobRun, writer: LayerWriter, planned: PlannedImage): Promise<Prepared> {
  try {
    const release = await tools.images.acquire(1, run.signal);
    const started = performance.now();
    try {
      const layers = await writer.layersOf(planned.image, planned.keepManifest);
      return { layers, profile: writer.profile, seconds: Math.round(performance.now() - started) / 1000 };
    } finally {
      release();
    }
  } catch (error) {
    return { error: asEngineError(error) };
  }
}

async function putImage(
  sink: ImageSink,
  planned: PlannedImage,
  asked: PlannedName,
  preparing: Promise<Prepared>,
): Promise<ExportedImage> {
  const { name, names, ref, image, keepManifest } = planned;
  const prepared = await preparing;
  if ('error' in prepared) return { name, error: prepared.error };
  const { layers, profile, seconds } = prepared;
  const { config, configDigest, chain } = image;
  const manifest = keepManifest ? image.manifest.manifest : null;
  const createdSec = Math.floor(Date.parse(image.image.created) / 1000) || 0;
  try {
    const { manifest: written } = await sink.putImage({
      names,
      ref,
      config,
      configDigest,
      layers,
      manifest,
      chain,
      createdSec,
      inIndex: asked.index === null ? undefined : asked.names,
    });
    const manifestDigest = written?.digest ?? null;
    const bytes = layers.reduce((sum, layer) => sum + layer.size, 0);
    const equal = equality(planned, manifestDigest);
    const { id } = image.image;
    return {
      name,
      id,
      configDigest,
      manifestDigest,
      layers: layers.length,
      bytes,
      profile,
      seconds,
      equal,
      error: null,
    };
  } catch (error) {
    return { name, error: asEngineError(error) };
  }
}

/** Puts an index whose images were put, and what travels with it; answers its failure, if any. */
async function putIndex(
  { graph }: StoreTools,
  { sink, ref = null }: ExportJob,
  writer: LayerWriter,
  { name, names, index }: PlannedName & { index: KeptIndex },
): Promise<ExportedImage[]> {
  const { digest, mediaType } = index;
  try {
    const raw = await graph.indexes.raw(digest);
    await writer.putAttachments(index, raw);
    await sink.putIndex({ names, ref, raw, mediaType, digest });
    return [];
  } catch (error) {
    return [{ name, error: asEngineError(error) }];
  }
}

function equality({ image, index }: PlannedImage, manifestDigest: string | null): string {
  if (manifestDigest === null) return image.newConfig ? 'same ids, JSON and layers' : 'same DiffIDs; new id and config';
  if (image.newConfig) return 'same DiffIDs; new config, new manifest';
  if (image.manifest.manifest?.digest !== manifestDigest) return 'same config and DiffIDs; new manifest';
  return `identical bytes: ${index === null ? '' : 'index, '}manifest, config and layers`;
}

async function profileOf(job: ExportJob): Promise<CompressionProfile | 'keep'> {
  const compression = compressionOf(job);
  if (compression === 'keep') return 'keep';
  const { level, reproducible } = job;
  return withLibrary(
    profileFor({
      compression,
      ...(level === undefined ? {} : { level }),
      ...(reproducible === undefined ? {} : { reproducible }),
    }),
  );
}

/** Bytes that the distinct layers will be read from. */
function expectedBytes(planned: readonly PlannedName[], compression: string): number {
  const sizes = new Map<string, number>();
  for (const { kept, diffId, tarSize } of planned.flatMap(({ images }) =>
    images.flatMap(({ image }) => image.layers),
  )) {
    if (kept !== null && compression === 'keep') sizes.set(kept.digest, kept.size);
    else sizes.set(diffId, tarSize);
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}
