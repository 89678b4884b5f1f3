import { relative } from 'node:path';
import { asEngineError } from '../../errors/wire.ts';
import { isDigest } from '../../identity/digest.ts';
import type { StorageImage } from '../../image/engine-documents.ts';
import type { SourceItem } from '../../image/image-source.ts';
import { quoted } from '../../image/strict-json.ts';
import { notAnImage } from '../archive-file.ts';
import { brokenImage } from '../broken.ts';
import type { FormatContext } from '../context.ts';
import { imageOfTrees } from '../docker-root/image-of-trees.ts';
import { chooseImages, type WantedImage } from '../docker-root/modern/choose-images.ts';
import type { ImageNames } from '../docker-root/modern/image-store.ts';
import type { ListedImage, ListedLayer, RootListing, RootSource } from '../docker-root/root-listing.ts';
import { diffDriver } from '../docker-root/drivers/overlay2.ts';
import { btrfsDriver, vfsDriver } from '../docker-root/drivers/tree-driver.ts';
import { RootFiles } from '../docker-root/root-files.ts';
import { taggedName } from '../names.ts';
import { nothingSelected } from '../selection.ts';
import { Storage } from './storage.ts';

const DRIVERS = [(files: RootFiles) => diffDriver('overlay', files), vfsDriver, btrfsDriver] as const;

interface Wanted {
  storage: Storage;
  image: StorageImage;
  wanted: WantedImage;
  digests: string[];
}

/**
 * Opens the images of podman, buildah and CRI-O (containers/storage), for reading only. What is damaged is an item with its
 * error. Throws NOT_AN_IMAGE for another directory.
 */
export async function openContainersRoot(
  path: string,
  ref: string | null,
  context: FormatContext,
): Promise<RootSource> {
  const files = await RootFiles.open(path);
  const storages: Storage[] = [];
  for (const open of DRIVERS) {
    const storage = new Storage(files, open(files), context);
    if ((await files.directory(`${storage.driver.name}-images`)) !== null) storages.push(storage);
  }
  if (storages.length === 0) {
    throw notAnImage(
      path,
      'it is no directory of containers/storage: it has no overlay-images, vfs-images or btrfs-images',
    );
  }
  const warnings: string[] = [];
  return {
    transport: 'containers-root',
    location: path,
    warnings,
    images: () => readImages(storages, path, ref, warnings, context),
    listing: () => list(storages, path, ref),
    close: () => Promise.resolve(),
  };
}

async function* readImages(
  storages: readonly Storage[],
  path: string,
  ref: string | null,
  warnings: string[],
  context: FormatContext,
): AsyncGenerator<SourceItem> {
  const all = await wantedOf(storages, ref, warnings);
  if (ref !== null && all.length === 0) throw nothingSelected(path, ref);
  for (const { storage, image, wanted } of all) {
    const called = { ref: wanted.ref, names: wanted.names };
    try {
      const config = await storage.config(image);
      const chain = await storage.chain(image, config.diffIds);
      const layers = await Promise.all(chain.map((layer, index) => storage.layer(layer, config.diffIds[index]!)));
      yield await imageOfTrees(config, layers, called, context);
    } catch (error) {
      yield brokenImage(called.ref, error);
    }
  }
}

async function wantedOf(storages: readonly Storage[], ref: string | null, warnings: string[]): Promise<Wanted[]> {
  const all: Wanted[] = [];
  for (const storage of storages) {
    const images = new Map((await storage.images()).map((image) => [`sha256:${image.id}`, image]));
    const names = new Map([...images].map(([id, image]) => [id, namesOf(image, warnings)]));
    const named = new Map([...names].filter(([, own]) => own.names.length + own.digests.length > 0));
    for (const wanted of chooseImages([...images.keys()].filter(isDigest), named, new Set(), ref)) {
      all.push({ storage, image: images.get(wanted.id)!, wanted, digests: names.get(wanted.id)!.digests });
    }
  }
  return all;
}

function namesOf(image: StorageImage, warnings: string[]): ImageNames {
  const own: ImageNames = { names: [], digests: [] };
  for (const name of image.names) {
    if (name.includes('@')) {
      own.digests.push(name);
      continue;
    }
    try {
      own.names.push(taggedName(name));
    } catch {
      warnings.push(`${quoted(name)} is no name; the image is given without it`);
    }
  }
  return own;
}

async function list(storages: readonly Storage[], path: string, ref: string | null): Promise<RootListing> {
  const warnings: string[] = [];
  const images: ListedImage[] = [];
  for (const wanted of await wantedOf(storages, ref, warnings)) images.push(await listImage(wanted));
  const driver = storages.map((storage) => storage.driver.name).join(', ');
  return { kind: 'containers', path, driver, images, containers: [], warnings };
}

async function listImage({ storage, image, wanted, digests }: Wanted): Promise<ListedImage> {
  const listed = { id: wanted.id, names: wanted.names, digests, created: image.created };
  const layers: ListedLayer[] = [];
  try {
    const config = await storage.config(image);
    for (const [index, layer] of (await storage.chain(image, config.diffIds)).entries()) {
      const diffId = config.diffIds[index]!;
      const { exact, size } = await storage.layer(layer, diffId);
      const { blobDigest } = layer;
      layers.push({
        diffId,
        size,
        dir: relative(storage.files.root, await storage.driver.directory(layer.id)),
        state: exact ? 'exact' : 'rebuilt',
        registry: blobDigest !== null && isDigest(blobDigest) ? [{ digest: blobDigest, repository: null }] : [],
      });
    }
    const size = layers.reduce((sum, layer) => sum + (layer.size ?? 0), 0);
    return { ...listed, created: image.created ?? config.created, size, layers, damaged: null };
  } catch (error) {
    return { ...listed, size: null, layers, damaged: asEngineError(error) };
  }
}
