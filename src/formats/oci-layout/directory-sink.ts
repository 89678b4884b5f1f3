import { mkdir, readdir, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { engineError } from '../../errors/kinds.ts';
import { errnoOf } from '../../errors/system-error.ts';
import type { Digest } from '../../identity/digest.ts';
import type { ImageSink } from '../../image/image-sink.ts';
import { decodeIndex } from '../../image/manifest.ts';
import { syncDirectory, writeFileAtomic } from '../../streams/atomic-file.ts';
import { BlobStaging } from '../blob-staging.ts';
import type { ManifestFormat } from '../../image/media-types.ts';
import type { FormatContext } from '../context.ts';
import { holdsFile } from '../directory-file.ts';
import { syncFiles } from '../durable.ts';
import { REF_NAME } from '../names.ts';
import { type IndexEntry, indexJson, LAYOUT_FILE } from './documents.ts';
import { blobPath } from './layout-files.ts';
import { LayoutStaging } from './layout-staging.ts';

/**
 * Adds images to an OCI layout in a directory, or makes it. Blobs wait inside it until the commit, which moves them into
 * place, then replaces index.json; an entry with the same ref name is replaced.
 * Throws DIRECTORY_NOT_EMPTY for a directory that holds something else.
 */
export async function openDirectorySink(
  path: string,
  ref: string | null,
  context: FormatContext,
  { format, resume }: { format?: ManifestFormat | undefined; resume?: string | undefined } = {},
): Promise<ImageSink> {
  await checkTarget(path);
  const blobs = await BlobStaging.create(path, { mayLink: false, resume }, context);
  const layout = new LayoutStaging(blobs, format);
  const placed = new Set<Digest>();
  const publish = (isLast: boolean): Promise<void> =>
    commit(
      path,
      { layout, placed },
      layout.entries(ref, (name) => name, isLast),
      context,
    );
  return {
    transport: 'oci',
    location: path,
    defaultCompression: 'keep',
    keepsManifests: true,
    workDir: blobs.path,
    hasBlob: async (digest, size) =>
      (await blobs.has(digest, size)) || (await holdsFile(join(path, blobPath(digest)), size)),
    putBlob: (digest, blob, { move }) => blobs.put(digest, blob, move),
    putImage: (image) => layout.putImage(image),
    putIndex: (index) => layout.putIndex(index),
    putArtifact: (artifact) => layout.putArtifact(artifact),
    checkpoint: () => publish(false),
    readDocument: (digest) => layout.readDocument(digest, join(path, blobPath(digest))),
    commit: async () => {
      await publish(true);
      blobs.finish();
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
  const others = names.filter((name) => !name.startsWith('.layermill-'));
  if (others.length === 0 || others.includes('index.json') || others.includes('oci-layout')) return;
  throw engineError('DIRECTORY_NOT_EMPTY', `${JSON.stringify(path)} is neither empty nor an OCI layout`, { path });
}

/** `placed` are the blobs that earlier checkpoints have found or put in their place. */
async function commit(
  path: string,
  { layout, placed }: { layout: LayoutStaging; placed: Set<Digest> },
  entries: IndexEntry[],
  context: FormatContext,
): Promise<void> {
  const kept = await keptEntries(join(path, 'index.json'), entries);
  await syncFiles(layout.blobs.path, context.system);
  // First, so that what a run leaves that dies here is a layout to the next one.
  await writeFileAtomic(join(path, 'oci-layout'), LAYOUT_FILE, { mode: 0o644 });
  for (const [digest, blob] of layout.blobs.blobs()) {
    if (placed.has(digest)) continue;
    if (!(await holdsFile(join(path, blobPath(digest)), blob.size))) {
      await mkdir(join(path, dirname(blobPath(digest))), { recursive: true });
      await rename(blob.path, join(path, blobPath(digest)));
    }
    placed.add(digest);
  }
  await mkdir(join(path, 'blobs/sha256'), { recursive: true });
  await syncDirectory(join(path, 'blobs/sha256'));
  await writeFileAtomic(join(path, 'index.json'), indexJson([...kept, ...entries]), { mode: 0o644 });
}

/** The lines that stay as they are: those with another ref name, and nameless ones of other images. */
async function keptEntries(path: string, added: readonly IndexEntry[]): Promise<unknown[]> {
  const raw = await readFile(path).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  });
  if (raw === null) return [];
  const descriptors = decodeIndex(raw, null);
  const { manifests } = JSON.parse(raw.toString()) as { manifests?: unknown[] | null };
  const refNames = new Set(added.map((entry) => entry.annotations?.[REF_NAME]));
  const digests = new Set(added.map((entry) => entry.digest));
  return (manifests ?? []).filter((_, index) => {
    const { annotations, digest } = descriptors[index]!;
    const refName = annotations.get(REF_NAME);
    return refName === undefined ? !digests.has(digest) : !refNames.has(refName);
  });
}
