import { chainIds, type Digest } from '../../../identity/digest.ts';
import type { LayerOfTree } from '../image-of-trees.ts';
import type { RootDriver } from '../drivers/root-driver.ts';
import type { LayerStore, StoredLayer } from './layer-store.ts';

/** A layer of an image, read from where its driver has it. */
interface ReadableLayer extends LayerOfTree {
  cacheId: string;
}

/** The layers of an image, base first. Throws CHAIN_INVALID, LAYER_NOT_FOUND or LAYER_NOT_MOUNTED. */
export async function layersOfImage(
  store: LayerStore,
  driver: RootDriver,
  diffIds: readonly Digest[],
): Promise<ReadableLayer[]> {
  const layers: ReadableLayer[] = [];
  for (const [index, chain] of chainIds(diffIds).entries()) {
    const stored = await store.layer(chain, diffIds[index]!);
    layers.push(await readable(driver, stored, layers.at(-1)?.cacheId ?? null));
  }
  return layers;
}

async function readable(driver: RootDriver, stored: StoredLayer, parent: string | null): Promise<ReadableLayer> {
  const { split, cacheId } = stored;
  if (split === null) return { ...stored, source: await driver.changes(cacheId, parent), exact: false };
  return { ...stored, source: { from: 'tar-split', split, trees: [await driver.directory(cacheId)] }, exact: true };
}
