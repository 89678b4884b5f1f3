import { isPending, type PendingBlob } from '../../src/image/pending-blob.ts';
import type { BlobRef } from '../../src/streams/blob-ref.ts';

/** The file that has the bytes, for sources that fetch and rebuild nothing. */
export function inFile(blob: BlobRef | PendingBlob): BlobRef {
  if (isPending(blob)) throw new Error('the bytes are not in a file yet');
  return blob;
}
