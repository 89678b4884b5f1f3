import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { blobPath } from '../../formats/oci-layout/layout-files.ts';
import { parseLocation } from '../../formats/transports.ts';
import type { Digest } from '../../identity/digest.ts';
import type { VerifiedImage } from './verified-image.ts';

/**
 * Removes the files of a layout that are not what their names say, so that they are brought again: whoever copies an image
 * takes a blob that is there, with its size, for the right one. Answers their digests; of other destinations none, for their
 * blobs cannot be removed one by one.
 */
export async function clearDamage({ destination, findings }: VerifiedImage): Promise<Digest[]> {
  const { transport, path } = parseLocation(destination);
  if (transport !== 'oci') return [];
  const damaged = findings.filter(({ error }) => error.code === 'DIGEST_MISMATCH' || error.code === 'SIZE_MISMATCH');
  const digests = [...new Set(damaged.flatMap(({ digest }) => digest ?? []))];
  for (const digest of digests) await rm(join(path, blobPath(digest)), { force: true });
  return digests;
}
