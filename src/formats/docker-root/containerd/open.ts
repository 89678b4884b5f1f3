import { isEngineError } from '../../../errors/kinds.ts';
import type { SourceItem } from '../../../image/image-source.ts';
import { notAnImage } from '../../archive-file.ts';
import type { FormatContext } from '../../context.ts';
import type { RootSource } from '../root-listing.ts';
import { ContainerdFiles } from './containerd-files.ts';
import { storeEntries } from './entries.ts';
import { listContainerdRoot, openMetadata } from './listing.ts';
import { readMetadata } from './metadata.ts';
import { readChosen } from './read-chosen.ts';
import { StoreReader } from './store-reader.ts';

/**
 * True for the data directory of containerd, and for that of a Docker which keeps its images in containerd. Every
 * Docker that starts containerd itself has such a directory; without images in it, Docker keeps them elsewhere.
 */
export async function isContainerdRoot(path: string): Promise<boolean> {
  const files = await ContainerdFiles.find(path);
  if (files === null) return false;
  if (files.place === '') return true;
  try {
    // Nobody's lock is looked at: this only asks.
    const { root } = await files.metadata(() => 0);
    const { images, broken } = readMetadata(root);
    return images.length + broken.length > 0;
  } catch (error) {
    // What is wrong with it is said when it is opened.
    if (isEngineError(error)) return true;
    throw error;
  }
}

/**
 * Opens the images of containerd's image store, for reading only: those of all namespaces. An image whose layers are not
 * here is an item with its error. `ref` selects by name, place, or how the digest of what a name stands for, or of a config, begins.
 */
export async function openContainerdRoot(
  path: string,
  ref: string | null,
  context: FormatContext,
): Promise<RootSource> {
  const files = await ContainerdFiles.find(path);
  if (files === null) throw notAnImage(path, 'containerd has io.containerd.metadata.v1.bolt/meta.db');
  const warnings: string[] = [];
  return {
    transport: 'docker-root',
    location: path,
    warnings,
    images: () => readImages(files, path, ref, context, warnings),
    listing: () => listContainerdRoot(files, path, context),
    close: () => Promise.resolve(),
  };
}

async function* readImages(
  files: ContainerdFiles,
  path: string,
  ref: string | null,
  context: FormatContext,
  warnings: string[],
): AsyncGenerator<SourceItem> {
  const metadata = await openMetadata(files, context, warnings);
  const content = files.content(context);
  if (ref !== null) {
    yield* readChosen(content, metadata, path, ref, context, warnings);
    return;
  }
  const reader = new StoreReader(content, metadata, context, warnings);
  for (const entry of storeEntries(metadata.images, path, null, warnings)) yield* reader.items(entry);
  yield* metadata.broken;
}
