import type { Digest } from '../identity/digest.ts';

/**
 * Bytes in a regular file: the whole of it or a range. This, not the bytes, is what crosses to a worker thread, so a
 * layer inside a docker-archive is read in place. `digest` and `size` (bytes) are what the reader must find.
 */
export interface BlobRef {
  path: string;
  offset?: number;
  length?: number;
  digest?: Digest;
  size?: number;
}
