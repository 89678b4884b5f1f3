import { asEngineError } from '../errors/wire.ts';
import type { BrokenImage } from '../image/image-source.ts';

/**
 * What went wrong with one image, so that the others go on. Cancelling and our own bugs concern the whole source and
 * are thrown on.
 */
export function brokenImage(ref: string, thrown: unknown): BrokenImage {
  const error = asEngineError(thrown);
  if (error.kind === 'Cancelled' || error.kind === 'Internal') throw error;
  return { kind: 'broken', ref, error };
}
