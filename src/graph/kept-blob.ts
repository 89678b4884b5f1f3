import { join } from 'node:path';
import type { SourceLayer } from '../image/image-source.ts';
import { isPending } from '../image/pending-blob.ts';
import type { StagingDir } from '../streams/temp-dir.ts';
import type { GraphContext, WorkOptions } from './context.ts';
import type { FilledLayer } from './fill-layer.ts';
import type { KeptBlob } from './image.ts';
import { compressionOf } from './layer-input.ts';

/** The packed layer that an image keeps, so that its manifest can be given again. */
export interface PackedLayer {
  blob: KeptBlob;
  /** Where it lies until the image is committed; null for one that was kept with its layer. */
  staged: (StagingDir & { file: string }) | null;
}

/** What to note of the blob that a layer came in; undefined when it was not kept. */
export function keptWith({ blob, applied }: FilledLayer, mediaType: string | null): KeptBlob | undefined {
  if (blob === null) return undefined;
  return { digest: applied.blob.digest, size: applied.blob.size, compression: applied.compression, mediaType };
}

/**
 * The packed form of a committed layer that an image brings. That of the first image which brought the layer was kept
 * with it; another one, packed differently, is proven to hold the same layer and kept as well. Null for a layer that
 * came unpacked, and where no manifest would need it.
 */
export async function packedLayer(
  context: GraphContext,
  id: string,
  layer: SourceLayer,
  options: WorkOptions,
): Promise<PackedLayer | null> {
  const { mediaType } = layer;
  const { digest } = layer.blob;
  const first = (await context.store.info(id))?.blob;
  if (first !== undefined && (digest === undefined || digest === first.digest)) {
    return { blob: { ...first, mediaType }, staged: null };
  }
  if (digest === undefined || digest === layer.diffId) return null;
  return proveAndStage(context, id, layer, options);
}

async function proveAndStage(
  context: GraphContext,
  id: string,
  layer: SourceLayer,
  options: WorkOptions,
): Promise<PackedLayer | null> {
  const { pool, store, limits } = context;
  const run = { signal: options.signal, job: id };
  const staging = await store.stage();
  try {
    const file = join(staging.path, 'blob');
    if (isPending(layer.blob)) await layer.blob.obtain(file, { signal: options.signal });
    else await pool.run('blob.copy', { blob: layer.blob, to: file }, run);
    const compression = await compressionOf({ path: file });
    if (compression !== 'gzip' && compression !== 'zstd') {
      await staging.remove();
      return null;
    }
    // The copy is what will be kept, so the copy is what is proven.
    const source = { from: 'blob', blob: { path: file } } as const;
    const found = await pool.run('layer.digest', { source, expected: { diffId: layer.diffId }, limits }, run);
    const blob = { ...found.blob, compression: found.compression, mediaType: layer.mediaType };
    return { blob, staged: { ...staging, file } };
  } catch (error) {
    await staging.remove();
    throw error;
  }
}
