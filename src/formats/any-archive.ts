import type { ImageSource } from '../image/image-source.ts';
import { notAnImage, openArchive } from './archive-file.ts';
import type { FormatContext } from './context.ts';
import { dockerArchiveSource, isDockerArchive } from './docker-archive/open.ts';
import { layoutArchiveSource } from './oci-layout/open.ts';

/** Opens an archive whose kind nobody said: what Docker can load is Docker's, also when it is an OCI layout as well. */
export async function openArchiveOfAnyKind(path: string, context: FormatContext): Promise<ImageSource> {
  const archive = await openArchive(path, context);
  if (isDockerArchive(archive)) return dockerArchiveSource(archive, path, null, context);
  if (archive.members.has('index.json')) return layoutArchiveSource(archive, path, null, context);
  await archive.close();
  throw notAnImage(path, 'the archive has no manifest.json, no repositories and no index.json');
}
