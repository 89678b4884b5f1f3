import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { engineError } from '../errors/kinds.ts';
import { DEFAULT_DOCUMENT_LIMITS, type DocumentLimits } from '../image/document-limits.ts';
import { verifyBlob } from '../image/manifest.ts';
import type { BlobRef } from '../streams/blob-ref.ts';

/**
 * Reads a whole document into memory: no more bytes than a document may have, never from a fifo, size and digest
 * checked where the reference names them. Throws LIMIT_EXCEEDED, SIZE_MISMATCH, DIGEST_MISMATCH or ARCHIVE_INVALID.
 */
export async function readDocument(
  ref: BlobRef,
  what: string,
  limits: DocumentLimits = DEFAULT_DOCUMENT_LIMITS,
): Promise<Buffer> {
  // A fifo opened without O_NONBLOCK would wait for a writer that never comes.
  const file = await open(ref.path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw engineError('ARCHIVE_INVALID', `${what} is no regular file`, { member: what });
    const start = ref.offset ?? 0;
    const length = ref.length ?? stat.size - start;
    if (length > limits.bytes) {
      throw engineError('LIMIT_EXCEEDED', `${what} has ${length} bytes; ${limits.bytes} are allowed`, {
        limit: 'document bytes',
        allowed: limits.bytes,
      });
    }
    const bytes = await readFully(file, start, length);
    if (ref.digest !== undefined) {
      verifyBlob(bytes, { digest: ref.digest, ...(ref.size === undefined ? {} : { size: ref.size }) }, what);
    }
    return bytes;
  } finally {
    await file.close();
  }
}

async function readFully(file: Awaited<ReturnType<typeof open>>, start: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, start + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}
