import type { ImageSource, SourceItem } from '../../image/image-source.ts';
import { type ArchiveFile, notAnImage, openArchive } from '../archive-file.ts';
import type { FormatContext } from '../context.ts';
import { nothingSelected, parseSelection } from '../selection.ts';
import { isLegacyArchive, readLegacyImages } from './legacy-images.ts';
import { readListedImages } from './listed-images.ts';

/** Opens what `docker save` and its kin wrote, of any age, packed or not. */
export async function openDockerArchive(
  path: string,
  ref: string | null,
  context: FormatContext,
): Promise<ImageSource> {
  return dockerArchiveSource(await openArchive(path, context), path, ref, context);
}

export function isDockerArchive({ members }: ArchiveFile): boolean {
  return members.has('manifest.json') || members.has('repositories') || isLegacyArchive(members);
}

/** Takes the archive over: closing the source closes it. */
export function dockerArchiveSource(
  archive: ArchiveFile,
  path: string,
  ref: string | null,
  context: FormatContext,
): ImageSource {
  return {
    transport: 'docker-archive',
    location: path,
    images: () => readImages(archive, path, ref, context),
    close: () => archive.close(),
  };
}

async function* readImages(
  archive: ArchiveFile,
  path: string,
  ref: string | null,
  context: FormatContext,
): AsyncGenerator<SourceItem> {
  if (!isDockerArchive(archive)) throw notAnImage(path, 'it has neither a manifest.json nor images of the old kind');
  const selection = ref === null ? null : parseSelection(ref);
  const read = archive.members.has('manifest.json') ? readListedImages : readLegacyImages;
  let found = false;
  for await (const item of read(archive, selection, context)) {
    found = true;
    yield item;
  }
  if (ref !== null && !found) throw nothingSelected(path, ref);
}
