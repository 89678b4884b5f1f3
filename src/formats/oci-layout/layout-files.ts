import { realpath } from 'node:fs/promises';
import { type Digest, digestAlgorithm, digestHex } from '../../identity/digest.ts';
import type { BlobRef } from '../../streams/blob-ref.ts';
import { type ArchiveFile, readPlain } from '../archive-file.ts';
import type { FormatContext } from '../context.ts';
import { locateFile } from '../directory-file.ts';
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

export async function directoryLayout(path: string, context: FormatContext): Promise<LayoutFiles> {
  const root = await realpath(path);
  return {
    document: async (name) => {
      const file = await locateFile(root, name);
      return file === null ? null : readDocument({ path: file.path }, name, context.documents);
    },
    blob: (digest) => locateFile(root, blobPath(digest)),
    close: () => Promise.resolve(),
  };
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
