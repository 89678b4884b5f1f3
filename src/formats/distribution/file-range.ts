import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { engineError } from '../../errors/kinds.ts';
import { asEngineError } from '../../errors/wire.ts';
import type { BlobRef } from '../../streams/blob-ref.ts';
import type { PassingHash } from './passing-hash.ts';

const READ_BYTES = 512 * 1024;

/** Who looks on while a blob is read. */
export interface RangeWatch {
  /** How many bytes were taken so far, counted from the start of the blob. */
  onBytes: (bytes: number) => void;
  /** What has to agree before the last byte goes out. */
  proof: PassingHash | null;
}

/** The bytes of a blob from `start` to before `end`, as the body of a request. Fails with SIZE_MISMATCH, DIGEST_MISMATCH. */
export function fileRange(blob: BlobRef & { size: number }, start: number, end: number, watch: RangeWatch): Readable {
  return Readable.from(readRange(blob, start, end, watch), { objectMode: false, highWaterMark: 1 });
}

async function* readRange(
  blob: BlobRef & { size: number },
  start: number,
  end: number,
  { onBytes, proof }: RangeWatch,
): AsyncGenerator<Buffer> {
  try {
    await using file = await open(blob.path, 'r');
    for (let at = start; at < end;) {
      const piece = Buffer.allocUnsafe(Math.min(READ_BYTES, end - at));
      const { bytesRead } = await file.read(piece, 0, piece.length, (blob.offset ?? 0) + at);
      if (bytesRead === 0) throw endsEarly(blob, at);
      const read = piece.subarray(0, bytesRead);
      const proven = proof?.take(read, at);
      proven?.catch(() => undefined);
      at += bytesRead;
      if (at === end) await proven;
      yield read;
      await proven;
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
