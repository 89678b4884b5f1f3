import { engineError } from '../../../errors/kinds.ts';
import { decodeConfig } from '../../../image/decode-config.ts';
import type { ImageConfig } from '../../../image/image-config.ts';
import type { ModernImage } from '../../../image/image-source.ts';
import type { FormatContext } from '../../context.ts';
import { pendingLayer } from '../pending-layer.ts';
import type { V1Driver } from '../v1/drivers/v1-driver.ts';
import type { LayerStore } from './layer-store.ts';
import { layersOfImage, type ReadableLayer } from './layers-of-image.ts';

/** An image of the store; its layers are made when they are wanted, and have the DiffIDs of the config. */
export async function readImage(
  stores: { layers: LayerStore; driver: V1Driver },
  given: ImageConfig,
  called: { ref: string; names: string[] },
  context: FormatContext,
): Promise<ModernImage> {
  const found = await layersOfImage(stores.layers, stores.driver, given.diffIds);
  const { config, layers, warnings } = await withRebuilt(given, found, context);
  return {
    kind: 'modern',
    ...called,
    config: config.raw,
    configDigest: config.digest,
    platform: config.platform,
    layers: layers.map((layer) => ({
      diffId: layer.diffId,
      blob: pendingLayer({ ...layer, about: layer.size ?? 0 }, context),
      mediaType: null,
    })),
    manifest: null,
    warnings: [...config.warnings, ...warnings],
  };
}

/** What can only be rebuilt has another DiffID, and the image another config: said, because its id changes. */
async function withRebuilt(
  config: ImageConfig,
  found: ReadableLayer[],
  context: FormatContext,
): Promise<{ config: ImageConfig; layers: ReadableLayer[]; warnings: string[] }> {
  const layers: ReadableLayer[] = [];
  for (const layer of found) layers.push(layer.exact ? layer : await measured(layer, context));
  const changed = layers.filter(({ diffId }, index) => diffId !== config.diffIds[index]);
  if (changed.length === 0) return { config, layers, warnings: [] };
  const raw = withDiffIds(config.raw, layers);
  const warning =
    `${changed.length} of its layers had to be rebuilt from their files, because what Docker kept of their tars is ` +
    `missing: the image was ${config.digest} and has another id now`;
  return { config: decodeConfig(raw, context.documents), layers, warnings: [warning] };
}

/** The same files give the same tar, so what is computed now holds when the layer is wanted. */
async function measured(layer: ReadableLayer, { pool, limits, signal }: FormatContext): Promise<ReadableLayer> {
  const { diffId } = await pool.run('layer.digest', { source: layer.source, expected: {}, limits }, { signal });
  return { ...layer, diffId };
}

function withDiffIds(raw: Buffer, layers: readonly ReadableLayer[]): Buffer {
  const document = JSON.parse(raw.toString('utf8')) as Record<string, unknown>;
  const key = Object.keys(document).find((name) => name.toLowerCase() === 'rootfs');
  if (key === undefined) {
    throw engineError('CONFIG_INVALID', 'the image config has no rootfs', { what: 'the image config' });
  }
  document[key] = { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) };
  return Buffer.from(JSON.stringify(document));
}
