import { join } from 'node:path';
import type { SourceLayer } from '../image/image-source.ts';
import type { AddImageOptions } from './add-image.ts';
import type { GraphContext } from './context.ts';
import type { KeptBlob } from './image.ts';
import type { LayerWork } from './layer-work.ts';

/**
 * The packed layer that an image keeps, so that its manifest can be given again. One that was kept with another image is
 * shared; one that came packed differently, for a layer that is there already, is proven and kept as well.
 */
export async function keptBlobOf(
  context: GraphContext,
  layer: SourceLayer,
  work: LayerWork | null,
  options: AddImageOptions,
): Promise<KeptBlob | null> {
  if (options.blobs === 'drop') return null;
  const filled = await work?.filled;
  const made = filled?.blob == null ? null : filled.applied;
  const { mediaType } = layer;
  if (made !== null && (layer.blob.digest === undefined || layer.blob.digest === made.blob.digest)) {
    return { digest: made.blob.digest, size: made.blob.size, compression: made.compression, mediaType };
  }
  // Without a promised digest there is no manifest that would need the blob again.
  if (layer.blob.digest === undefined || layer.blob.digest === layer.diffId) return null;
  return proveAndKeep(context, layer, options);
}

async function proveAndKeep(
  context: GraphContext,
  layer: SourceLayer,
  options: AddImageOptions,
): Promise<KeptBlob | null> {
  const { limits, pool, blobs, store } = context;
  const { signal } = options;
  const expected = { diffId: layer.diffId };
  const found = await pool.run(
    'layer.digest',
    { source: { from: 'blob', blob: layer.blob }, expected, limits },
    { signal },
  );
  if (found.compression === 'none') return null;
  const kept = { ...found.blob, compression: found.compression, mediaType: layer.mediaType };
  if (await blobs.has(kept.digest)) return kept;
  const staging = await store.stage();
  try {
    const to = join(staging.path, 'blob');
    await pool.run('blob.copy', { blob: layer.blob, to }, { signal });
    await blobs.adopt(to, kept.digest);
    return kept;
  } finally {
    await staging.remove();
  }
}
