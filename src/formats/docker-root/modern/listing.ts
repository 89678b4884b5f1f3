import { relative } from 'node:path';
import { hasCode } from '../../../errors/kinds.ts';
import { asEngineError } from '../../../errors/wire.ts';
import { chainIds, type Digest } from '../../../identity/digest.ts';
import { decodeDockerContainer } from '../../../image/engine-documents.ts';
import type { ListedContainer, ListedImage, ListedLayer, RootListing } from '../root-listing.ts';
import { brokenImage } from '../../broken.ts';
import type { WantedImage } from './choose-images.ts';
import type { ImageNames } from './image-store.ts';
import { type DockerStore, wantedImages } from './docker-store.ts';

/** What one `image/<driver>` holds; of layers the metadata is read, and whether their directories are there. */
export async function listStore(store: DockerStore, path: string, ref: string | null): Promise<RootListing> {
  const names = await store.images.names([]);
  const images: ListedImage[] = [];
  for (const image of await wantedImages(store, ref)) images.push(await listImage(store, image, names.get(image.id)));
  return {
    kind: 'docker',
    path,
    driver: store.driver.name,
    images,
    containers: await listContainers(store),
    warnings: [...new Set(store.warnings)],
  };
}

async function listImage(store: DockerStore, image: WantedImage, names?: ImageNames): Promise<ListedImage> {
  const listed = { id: image.id, names: image.names, digests: names?.digests ?? [] };
  try {
    const config = await store.images.config(image.id);
    const layers: ListedLayer[] = [];
    let damaged = null;
    for (const [index, chain] of chainIds(config.diffIds).entries()) {
      const { layer, problem } = await listLayer(store, chain, config.diffIds[index]!);
      layers.push(layer);
      damaged ??= problem;
    }
    return { ...listed, created: config.created, size: total(layers), layers, damaged };
  } catch (error) {
    return { ...listed, created: null, size: null, layers: [], damaged: brokenImage(image.ref, error).error };
  }
}

async function listLayer(
  { layers, driver, files }: DockerStore,
  chain: Digest,
  diffId: Digest,
): Promise<{ layer: ListedLayer; problem: ReturnType<typeof asEngineError> | null }> {
  const registry = (await layers.registryDigests(diffId)).map(({ digest, repository }) => ({
    digest,
    repository: repository || null,
  }));
  let size: number | null = null;
  try {
    const stored = await layers.layer(chain, diffId);
    size = stored.size;
    const dir = relative(files.root, await driver.directory(stored.cacheId));
    const state = stored.split === null ? 'rebuilt' : 'exact';
    return { layer: { diffId, size, dir, state, registry }, problem: null };
  } catch (error) {
    const problem = asEngineError(error);
    const state = hasCode(problem, 'LAYER_NOT_MOUNTED') ? 'unmounted' : 'missing';
    return { layer: { diffId, size, dir: null, state, registry }, problem };
  }
}

function total(layers: readonly ListedLayer[]): number | null {
  const known = layers.flatMap(({ size }) => (size === null ? [] : [size]));
  return known.length === 0 && layers.length > 0 ? null : known.reduce((sum, size) => sum + size, 0);
}

async function listContainers({ files, warnings }: DockerStore): Promise<ListedContainer[]> {
  const containers: ListedContainer[] = [];
  for (const id of await files.names('containers')) {
    const path = `containers/${id}/config.v2.json`;
    try {
      const raw = await files.read(path);
      if (raw === null) continue;
      const { name, image, running } = decodeDockerContainer(raw, path);
      containers.push({ id, name, image, running });
    } catch (error) {
      warnings.push(brokenImage(id, error).error.message);
    }
  }
  return containers;
}
