import { realpath } from 'node:fs/promises';
import type { DocumentLimits } from '../../image/document-limits.ts';
import { type Digest, digestHex } from '../../identity/digest.ts';
import { locateFile } from '../directory-file.ts';
import { readDocument } from '../read-document.ts';

/** The files of a `dir:` layout as skopeo writes it: one image, or an index and its images, everything side by side. */
export const MANIFEST = 'manifest.json';
export const VERSION = 'version';
export const VERSION_TEXT = 'Directory Transport Version: 1.1\n';

export function blobName(digest: Digest): string {
  return digestHex(digest);
}

/** Where a member of the index is. */
export function memberName(digest: Digest): string {
  return `${digestHex(digest)}.${MANIFEST}`;
}

/** Whether a file is one of those whose names say what image is in the directory: blobs, members, signatures. */
export function isOfOneImage(name: string): boolean {
  return /^([0-9a-f]{64}|[0-9a-f]{128})(\.manifest\.json|\.signature-\d+)?$|^signature-\d+$/.test(name);
}

/** The document of that name; null when it is missing. */
export async function readNamed(root: string, name: string, limits?: DocumentLimits): Promise<Buffer | null> {
  const file = await locateFile(root, name);
  return file === null ? null : readDocument({ path: file.path }, name, limits);
}

/** What the directory says of its version, `1.1`; null when it says nothing, or not that it is one of these. */
export async function versionOf(path: string, limits?: DocumentLimits): Promise<string | null> {
  const raw = await readNamed(await realpath(path), VERSION, limits);
  return /^Directory Transport Version: (\d+\.\d+)\s*$/.exec(raw?.toString() ?? '')?.[1] ?? null;
}
