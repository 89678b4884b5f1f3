import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { engineError } from '../../errors/kinds.ts';
import { asEngineError } from '../../errors/wire.ts';
import type { BlobRef } from '../../streams/blob-ref.ts';

const READ_BYTES = 512 * 1024;

/**
 * The bytes of a blob from `start` to before `end`, as the body of a request; `onBytes` gets how many were taken so far,
 * counted from the start of the blob. Fails with SIZE_MISMATCH when the file ends earlier.
 */
export function fileRange(
  blob: BlobRef & { size: number },
  start: number,
  end: number,
  onBytes: (bytes: number) => void,
): Readable {
  return Readable.from(readRange(blob, start, end, onBytes), { objectMode: false, highWaterMark: 1 });
}

async function* readRange(
  blob: BlobRef & { size: number },
  start: number,
  end: number,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  try {
    await using file = await open(blob.path, 'r');
    for (let at = start; at < end;) {
      const piece = Buffer.allocUnsafe(Math.min(READ_BYTES, end - at));
      const { bytesRead } = await file.read(piece, 0, piece.length, (blob.offset ?? 0) + at);
      if (bytesRead === 0) throw endsEarly(blob, at);
      yield piece.subarray(0, bytesRead);
      at += bytesRead;
      onBytes(at);
    }
  } catch (error) {
    throw asEngineError(error);
  }
}

function endsEarly({ path, size }: BlobRef & { size: number }, actual: number): Error {
  const message = `${JSON.stringify(path)} ends after ${actual} of ${size} bytes; it changed while it was sent`;
  return engineError('SIZE_MISMATCH', message, { what: path, expected: size, actual });
}
