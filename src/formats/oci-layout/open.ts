import { engineError } from '../../errors/kinds.ts';
import type { Digest } from '../../identity/digest.ts';
import type { ImageSource, SourceItem } from '../../image/image-source.ts';
import { decodeIndex, decodeLayoutVersion, type Descriptor } from '../../image/manifest.ts';
import { isIndexType, isManifestType } from '../../image/media-types.ts';
import { quoted } from '../../image/strict-json.ts';
import { type ArchiveFile, notAnImage, openArchive } from '../archive-file.ts';
import { brokenImage } from '../broken.ts';
import type { ImageContent } from '../content.ts';
import type { FormatContext } from '../context.ts';
import { dockerArchiveSource } from '../docker-archive/open.ts';
import { readIndex } from '../read-index.ts';
import { readManifest } from '../read-manifest.ts';
import { type FoundReferrer, withReferrers } from '../referrers.ts';
import { parseSelection } from '../selection.ts';
import { layoutContent } from './layout-content.ts';
import { layoutEntries, type LayoutEntry } from './layout-entries.ts';
import { LayoutReferrers } from './layout-referrers.ts';
import { archiveLayout, directoryLayout, type LayoutFiles } from './layout-files.ts';

const VERSION = '1.0.0';

export async function openLayoutDirectory(
  path: string,
  ref: string | null,
  context: FormatContext,
): Promise<ImageSource> {
  return layoutSource('oci', await directoryLayout(path, context), path, ref, context);
}

export async function openLayoutArchive(
  path: string,
  ref: string | null,
  context: FormatContext,
): Promise<ImageSource> {
  return layoutArchiveSource(await openArchive(path, context), path, ref, context);
}

/** Takes the archive over. Docker 25 wrote layouts with an empty index; their images are in manifest.json. */
export async function layoutArchiveSource(
  archive: ArchiveFile,
  path: string,
  ref: string | null,
  context: FormatContext,
): Promise<ImageSource> {
  const files = archiveLayout(archive);
  try {
    const isEmpty = (await readDescriptors(files, path, context)).length === 0;
    if (isEmpty && archive.members.has('manifest.json')) return dockerArchiveSource(archive, path, ref, context);
  } catch (error) {
    await archive.close();
    throw error;
  }
  return layoutSource('oci-archive', files, path, ref, context);
}

function layoutSource(
  transport: string,
  files: LayoutFiles,
  location: string,
  ref: string | null,
  context: FormatContext,
): ImageSource {
  const warnings: string[] = [];
  return {
    transport,
    location,
    warnings,
    images: () => readLayout(files, location, ref, warnings, context),
    close: () => files.close(),
  };
}

async function readDescriptors(files: LayoutFiles, location: string, context: FormatContext): Promise<Descriptor[]> {
  const raw = await files.document('index.json');
  if (raw === null) throw notAnImage(location, 'it has no index.json');
  return decodeIndex(raw, null, context.documents);
}

async function* readLayout(
  files: LayoutFiles,
  location: string,
  ref: string | null,
  warnings: string[],
  context: FormatContext,
): AsyncGenerator<SourceItem> {
  await checkVersion(files, warnings, context);
  const descriptors = await readDescriptors(files, location, context);
  const entries = layoutEntries(descriptors, location, ref === null ? null : { ref, selection: parseSelection(ref) });
  const content = layoutContent(files, context);
  if (context.referrers !== true) {
    yield* readEntries({ content, location, warnings, context }, entries);
    return;
  }
  const referrers = await LayoutReferrers.read(content, descriptors, context);
  const find = (subject: Digest): Promise<FoundReferrer[]> => Promise.resolve(referrers.find(subject));
  const others = entries.filter(({ descriptor }) => !referrers.has(descriptor));
  if (others.length === 0 && entries.length > 0) throw onlyArtifacts(location);
  const items = readEntries({ content, location, warnings, context }, others);
  yield* withReferrers(items, { content, find, warnings, context });
  if (ref === null) warnings.push(...referrers.leftOver());
}

interface Reading {
  content: ImageContent;
  location: string;
  warnings: string[];
  context: FormatContext;
}

async function* readEntries(
  { content, location, warnings, context }: Reading,
  entries: readonly LayoutEntry[],
): AsyncGenerator<SourceItem> {
  let images = 0;
  for (const entry of entries) {
    try {
      images += yield* readEntry(content, entry, warnings, context);
    } catch (error) {
      images += 1;
      yield brokenImage(entry.ref, error, { names: entry.names, digest: entry.descriptor.digest });
    }
  }
  if (images === 0 && entries.length > 0) throw onlyArtifacts(location);
}

function onlyArtifacts(location: string): Error {
  return notAnImage(location, 'what it holds are artifacts of other kinds');
}

async function checkVersion(files: LayoutFiles, warnings: string[], context: FormatContext): Promise<void> {
  const raw = await files.document('oci-layout');
  if (raw === null) {
    warnings.push('the layout has no oci-layout file');
    return;
  }
  const version = decodeLayoutVersion(raw, context.documents);
  if (version === VERSION) return;
  throw engineError('ARCHIVE_INVALID', `the layout is of version ${quoted(version)}; ${VERSION} is what can be read`, {
    member: 'oci-layout',
  });
}

/** Answers how many images it gave. */
async function* readEntry(
  content: ImageContent,
  entry: LayoutEntry,
  warnings: string[],
  context: FormatContext,
): AsyncGenerator<SourceItem, number> {
  const { digest, mediaType } = entry.descriptor;
  if (isIndexType(mediaType)) {
    const { images, missing } = yield* readIndex(content, entry, context);
    const [first] = missing;
    if (images === 0 && first !== undefined) {
      throw engineError('BLOB_MISSING', `nothing of the index ${digest} is in the layout`, { digest: first.digest });
    }
    if (missing.length > 0) warnings.push(`${quoted(entry.ref)}: ${missing.length} members of its index are not here`);
    if (images === 0) warnings.push(`${quoted(entry.ref)}: skipped, its index lists no image`);
    return images;
  }
  const read = isManifestType(mediaType) ? await readManifest(content, entry, context) : null;
  if (read?.kind === 'modern' || read?.kind === 'broken') {
    yield read;
    return 1;
  }
  warnings.push(`${quoted(entry.ref)}: skipped, it is no image (${quoted(mediaType)})`);
  return 0;
}
