import { lstat, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { EngineError } from '../../errors/engine-error.ts';
import { engineError } from '../../errors/kinds.ts';
import { errnoOf } from '../../errors/system-error.ts';
import { type Digest, digestAlgorithm, digestHex } from '../../identity/digest.ts';
import type { BlobRef } from '../../streams/blob-ref.ts';
import { type ArchiveFile, readPlain } from '../archive-file.ts';
import type { FormatContext } from '../context.ts';
import { readDocument } from '../read-document.ts';

/** The files of an OCI layout, wherever they are: in a directory or in an archive. */
export interface LayoutFiles {
  /** `index.json` or `oci-layout`; null when it is missing. */
  document(name: string): Promise<Buffer | null>;
  /** A blob by its digest, with the length that it has; null when it is missing. */
  blob(digest: Digest): Promise<(BlobRef & { length: number }) | null>;
  close(): Promise<void>;
}

export function blobPath(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}

/** Links are followed as long as they stay inside the directory: some builders link blobs to the files they are. */
export async function directoryLayout(path: string, context: FormatContext): Promise<LayoutFiles> {
  const root = await realpath(path);
  return {
    document: async (name) => {
      const file = await locate(root, name);
      return file === null ? null : readDocument({ path: file.path }, name, context.documents);
    },
    blob: (digest) => locate(root, blobPath(digest)),
    close: () => Promise.resolve(),
  };
}

async function locate(root: string, name: string): Promise<{ path: string; length: number } | null> {
  let path: string;
  try {
    path = await realpath(join(root, name));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    if (errnoOf(error) === 'ELOOP') throw unusable(name, 'its links go round in circles');
    throw error;
  }
  if (!path.startsWith(root + sep)) throw unusable(name, 'it is a link that leaves the layout');
  const stat = await lstat(path);
  if (!stat.isFile()) throw unusable(name, 'it is no regular file');
  return { path, length: stat.size };
}

function unusable(name: string, problem: string): EngineError {
  return engineError('ARCHIVE_INVALID', `${JSON.stringify(name)} of the layout is not usable: ${problem}`, {
    member: name,
  });
}

/** In an archive blobs are regular members; closing the layout closes the archive. */
export function archiveLayout(archive: ArchiveFile): LayoutFiles {
  return {
    document: (name) => readPlain(archive, name),
    blob: (digest) => {
      const member = archive.members.plainFile(blobPath(digest));
      return Promise.resolve(member === undefined ? null : { ...archive.blob(member), length: member.size });
    },
    close: () => archive.close(),
  };
}
