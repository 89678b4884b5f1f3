import type { TarSource } from '../../archive/tar-source.ts';
import { engineError } from '../../errors/kinds.ts';
import type { Digest } from '../../identity/digest.ts';
import { decodeConfig } from '../../image/decode-config.ts';
import type { ImageConfig } from '../../image/image-config.ts';
import type { ModernImage } from '../../image/image-source.ts';
import type { FormatContext } from '../context.ts';
import { pendingLayer } from './pending-layer.ts';
import { modernImage } from '../../image/modern-image.ts';

/** A layer in the files of a data directory, and how its tar is to be had. */
export interface LayerOfTree {
  diffId: Digest;
  source: TarSource;
  /** False where the tar is made anew, because what was kept of it is missing. */
  exact: boolean;
  /** Bytes of its files; null where that is not told. */
  size: number | null;
}

/** An image of such layers, base first; they are made when they are wanted, and have the DiffIDs of the config. */
export async function imageOfTrees(
  given: ImageConfig,
  found: LayerOfTree[],
  called: { ref: string; names: string[] },
  context: FormatContext,
): Promise<ModernImage> {
  const { config, layers, warnings } = await withRebuilt(given, found, context);
  return modernImage(config, {
    ...called,
    layers: layers.map((layer) => ({
      diffId: layer.diffId,
      blob: pendingLayer({ ...layer, about: layer.size ?? 0 }, context),
      mediaType: null,
    })),
    manifest: null,
    warnings: [...config.warnings, ...warnings],
  });
}

/** What can only be rebuilt has another DiffID, and the image another config: said, because its id changes. */
async function withRebuilt(
  config: ImageConfig,
  found: LayerOfTree[],
  context: FormatContext,
): Promise<{ config: ImageConfig; layers: LayerOfTree[]; warnings: string[] }> {
  const layers: LayerOfTree[] = [];
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
async function measured(layer: LayerOfTree, { pool, limits, signal }: FormatContext): Promise<LayerOfTree> {
  const { diffId } = await pool.run('layer.digest', { source: layer.source, expected: {}, limits }, { signal });
  return { ...layer, diffId };
}

function withDiffIds(raw: Buffer, layers: readonly LayerOfTree[]): Buffer {
  const document = JSON.parse(raw.toString('utf8')) as Record<string, unknown>;
  const key = Object.keys(document).find((name) => name.toLowerCase() === 'rootfs');
  if (key === undefined) {
    throw engineError('CONFIG_INVALID', 'the image config has no rootfs', { what: 'the image config' });
  }
  document[key] = { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) };
  return Buffer.from(JSON.stringify(document));
}
