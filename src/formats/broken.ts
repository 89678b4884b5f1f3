import { asEngineError } from '../errors/wire.ts';
import type { Descriptor } from '../image/manifest.ts';
import type { PendingBlob } from '../image/pending-blob.ts';
import type { BrokenImage } from '../image/image-source.ts';

/**
 * What went wrong with one image, so that the others go on. Cancelling and our own bugs concern the whole source and
 * are thrown on.
 */
export function brokenImage(
  ref: string,
  thrown: unknown,
  known: Pick<BrokenImage, 'names' | 'digest' | 'blobs'> = {},
): BrokenImage {
  const error = asEngineError(thrown);
  if (error.kind === 'Cancelled' || error.kind === 'Internal') throw error;
  return { kind: 'broken', ref, error, ...known };
}

/** A blob that cannot be had, for who asks for all that is wrong. Throws on what concerns the whole source. */
export function faultyBlob(described: Pick<Descriptor, 'digest' | 'size'> | null, thrown: unknown): PendingBlob {
  const problem = brokenImage('', thrown).error;
  const obtain = (): Promise<never> => Promise.reject(problem);
  return described === null ? { problem, obtain } : { digest: described.digest, size: described.size, problem, obtain };
}
