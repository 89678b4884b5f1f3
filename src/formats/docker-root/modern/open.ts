import type { SourceItem } from '../../../image/image-source.ts';
import { brokenImage } from '../../broken.ts';
import type { FormatContext } from '../../context.ts';
import { nothingSelected } from '../../selection.ts';
import { imageOfTrees } from '../image-of-trees.ts';
import type { RootListing, RootSource } from '../root-listing.ts';
import { RootFiles } from '../root-files.ts';
import { type DockerStore, openStore, wantedImages } from './docker-store.ts';
import { listStore } from './listing.ts';
import { layersOfImage } from './layers-of-image.ts';

/** The drivers that the data directory of a Docker 1.10 or newer was used with. */
export async function modernDrivers(path: string): Promise<string[]> {
  const files = await RootFiles.open(path);
  const drivers: string[] = [];
  for (const name of await files.names('image')) {
    if ((await files.directory(`image/${name}/imagedb`)) !== null) drivers.push(name);
  }
  return drivers;
}

/**
 * Opens the images of Docker 1.10 and newer that one driver has, for reading only. Configs are the bytes that Docker has,
 * and layers get the DiffIDs that they had. What is damaged or not mounted is an item with its error.
 */
export async function openModernRoot(
  path: string,
  driver: string,
  ref: string | null,
  context: FormatContext,
): Promise<RootSource> {
  const store = await openStore(path, driver, context);
  return {
    transport: 'docker-root',
    location: path,
    warnings: store.warnings,
    images: () => readImages(store, path, ref, context),
    listing: (): Promise<RootListing> => listStore(store, path, ref),
    close: () => Promise.resolve(),
  };
}

async function* readImages(
  store: DockerStore,
  path: string,
  ref: string | null,
  context: FormatContext,
): AsyncGenerator<SourceItem> {
  const wanted = await wantedImages(store, ref);
  if (ref !== null && wanted.length === 0) throw nothingSelected(path, ref);
  for (const { id, ...called } of wanted) {
    try {
      const config = await store.images.config(id);
      const layers = await layersOfImage(store.layers, store.driver, config.diffIds);
      yield await imageOfTrees(config, layers, called, context);
    } catch (error) {
      yield brokenImage(called.ref, error);
    }
  }
}
