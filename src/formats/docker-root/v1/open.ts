import { isImageId } from '../../../identity/image-id.ts';
import type { SourceItem } from '../../../image/image-source.ts';
import { notAnImage } from '../../archive-file.ts';
import { brokenImage } from '../../broken.ts';
import type { FormatContext } from '../../context.ts';
import { nothingSelected } from '../../selection.ts';
import { straysOf } from '../../v1-family.ts';
import type { RootSource } from '../root-listing.ts';
import { chooseImages } from './choose-images.ts';
import { readFamily } from './graph-images.ts';
import { listV1Root } from './listing.ts';
import { RootFiles } from '../root-files.ts';
import { readTags } from './tags.ts';
import { V1Reader } from './v1-reader.ts';

/** True for the data directory of a Docker before 1.10, or what such a Docker has left behind in one. */
export async function isV1Root(path: string): Promise<boolean> {
  const files = await RootFiles.open(path);
  return (await files.names('graph')).some(isImageId);
}

export interface V1Options {
  /** The name of a container, or how its id begins: the source is that one container, as an image. */
  container: string | null;
}

/**
 * Opens the images of Docker 1.9 and older, for reading only: every image that has a name or no children, with its chain.
 * What is damaged or not mounted is an item with its error. `ref` selects by name or by the beginning of an id.
 */
export async function openV1Root(
  path: string,
  ref: string | null,
  { container }: V1Options,
  context: FormatContext,
): Promise<RootSource> {
  const files = await RootFiles.open(path);
  const warnings: string[] = [];
  return {
    transport: 'docker-root',
    location: path,
    warnings,
    images: () =>
      container === null ? readImages(files, path, ref, context, warnings) : readContainer(files, container, context),
    listing: () => listV1Root(files, path, context),
    close: () => Promise.resolve(),
  };
}

async function* readContainer(files: RootFiles, name: string, context: FormatContext): AsyncGenerator<SourceItem> {
  const family = await readFamily(files, context.documents);
  yield await new V1Reader(files, family, context).container(name);
}

async function* readImages(
  files: RootFiles,
  path: string,
  ref: string | null,
  context: FormatContext,
  warnings: string[],
): AsyncGenerator<SourceItem> {
  if ((await files.directory('graph')) === null) throw notAnImage(path, 'Docker before 1.10 kept them in graph/');
  const tags = await readTags(files);
  warnings.push(...tags.warnings);
  const family = await readFamily(files, context.documents);
  const wanted = chooseImages(family, tags, ref);
  if (ref !== null && wanted.length === 0) throw nothingSelected(path, ref);
  const reader = new V1Reader(files, family, context);
  for (const image of wanted) {
    try {
      yield await reader.image(image);
    } catch (error) {
      yield brokenImage(image.ref, error);
    }
  }
  if (ref !== null) return;
  for (const [id, error] of straysOf(
    family,
    wanted.map(({ id }) => id),
  )) {
    yield { kind: 'broken', ref: id, error };
  }
}
