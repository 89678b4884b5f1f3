import { readdir, realpath, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { engineError, hasCode } from '../../errors/kinds.ts';
import { errnoOf } from '../../errors/system-error.ts';
import type { Digest } from '../../identity/digest.ts';
import type { ImageSink } from '../../image/image-sink.ts';
import type { ManifestFormat } from '../../image/media-types.ts';
import { syncDirectory, writeFileAtomic } from '../../streams/atomic-file.ts';
import { BlobStaging } from '../blob-staging.ts';
import type { FormatContext } from '../context.ts';
import { holdsFile } from '../directory-file.ts';
import { syncFiles } from '../durable.ts';
import { DirStaging, type TopDocument } from './staging.ts';
import { blobName, isOfOneImage, MANIFEST, memberName, VERSION, VERSION_TEXT, versionOf } from './files.ts';

/**
 * Writes one image, or one index with its images, as skopeo's `dir:`. Files wait inside the directory until the commit,
 * which moves them into place and then replaces manifest.json; what was of another image goes last.
 * Throws DIRECTORY_NOT_EMPTY for a directory that holds something else.
 */
export async function openDirSink(
  path: string,
  context: FormatContext,
  { format }: { format?: ManifestFormat | undefined } = {},
): Promise<ImageSink> {
  await checkTarget(path);
  const blobs = await BlobStaging.create(path, { mayLink: false }, context);
  const staging = new DirStaging(blobs, path, format, context.documents);
  /** What was there before and is of this image too. */
  const kept = new Set<string>();
  return {
    transport: 'dir',
    location: path,
    defaultCompression: 'keep',
    keepsManifests: true,
    workDir: blobs.path,
    hasBlob: async (digest, size) => {
      if (await blobs.has(digest, size)) return true;
      const isThere = await holdsFile(join(path, blobName(digest)), size);
      if (isThere) kept.add(blobName(digest));
      return isThere;
    },
    putBlob: (digest, blob, { move }) => blobs.put(digest, blob, move),
    putImage: (image) => staging.putImage(image),
    putIndex: (index) => staging.putIndex(index),
    commit: async () => {
      const top = await staging.top();
      await syncFiles(blobs.path, context.system);
      const placed = await place(path, blobs, top);
      await removeOthers(path, new Set([...kept, ...placed]));
    },
    close: () => blobs.remove(),
  };
}

async function checkTarget(path: string): Promise<void> {
  const names = await readdir(path).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  });
  // What a run that was killed left behind is no reason to refuse the next one.
  if (names.every((name) => name.startsWith('.layermill-')) || (await isOurs(path))) return;
  throw engineError('DIRECTORY_NOT_EMPTY', `${JSON.stringify(path)} is neither empty nor a dir: layout`, { path });
}

async function isOurs(path: string): Promise<boolean> {
  try {
    return (await versionOf(await realpath(path))) !== null;
  } catch (error) {
    if (hasCode(error, 'ARCHIVE_INVALID') || hasCode(error, 'LIMIT_EXCEEDED')) return false;
    throw error;
  }
}

/** At every moment the directory says what it is, and its manifest.json leads to what is there. */
async function place(path: string, blobs: BlobStaging, top: TopDocument): Promise<string[]> {
  await writeFileAtomic(join(path, VERSION), VERSION_TEXT, { mode: 0o644 });
  const placed: string[] = [];
  for (const [digest, blob] of blobs.blobs()) {
    if (digest === top.digest) continue;
    const name = nameOf(digest, top);
    await rename(blob.path, join(path, name));
    placed.push(name);
  }
  await syncDirectory(path);
  await writeFileAtomic(join(path, MANIFEST), top.raw, { mode: 0o644 });
  return placed;
}

function nameOf(digest: Digest, { members }: TopDocument): string {
  return members.has(digest) ? memberName(digest) : blobName(digest);
}

async function removeOthers(path: string, needed: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(path)) {
    if (isOfOneImage(name) && !needed.has(name)) await rm(join(path, name), { force: true });
  }
}
