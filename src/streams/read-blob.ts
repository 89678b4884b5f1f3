import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { engineError } from '../errors/kinds.ts';
import type { BlobRef } from './blob-ref.ts';

/** No difference was measured between 64 KiB and 4 MiB. */
const READ_BYTES = 256 * 1024;

/** What tells two readers of a file that they read the same bytes: inode, size and time of the last change, as text. */
export type FileState = string;

/**
 * Reads a blob with plain synchronous calls, from first to last byte, for the inside of a worker thread. `take` gets
 * chunks that are only valid during the call. Throws SIZE_MISMATCH before reading when `size` or the range do not fit the
 * file, FILE_NOT_FOUND, INVALID_ARGUMENT for what is no regular file (nothing here can block), and SOURCE_CHANGED when
 * somebody writes to the file meanwhile. Answers the state of the file that was read.
 */
export function readBlob(blob: BlobRef, take: (chunk: Buffer) => void): FileState {
  const fd = openSync(blob.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd, { bigint: true });
    if (!stat.isFile()) {
      throw engineError('INVALID_ARGUMENT', `not a regular file: ${JSON.stringify(blob.path)}`, {
        argument: blob.path,
      });
    }
    const start = blob.offset ?? 0;
    const there = Math.max(0, Number(stat.size) - start);
    const length = blob.length ?? there;
    checkSize(blob, Math.min(length, there));
    if (length > there) throw sizeMismatch(blob, length, there);
    const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(READ_BYTES, length)));
    for (let at = 0; at < length;) {
      const read = readSync(fd, buffer, 0, Math.min(buffer.length, length - at), start + at);
      if (read === 0) throw sizeMismatch(blob, length, at);
      take(read === buffer.length ? buffer : buffer.subarray(0, read));
      at += read;
    }
    const state = stateOf(stat);
    if (stateOf(fstatSync(fd, { bigint: true })) !== state) throw sourceChanged(blob.path);
    return state;
  } finally {
    closeSync(fd);
  }
}

/** Not the time of the last change of the inode: another name or mode is no other content. */
function stateOf({ dev, ino, size, mtimeNs }: BigIntStats): FileState {
  return `${dev}:${ino}:${size}:${mtimeNs}`;
}

/** The error of a file that somebody wrote to while it was read. */
export function sourceChanged(path: string): Error {
  const message = `${JSON.stringify(path)} changed while it was read; stop what writes there and run it again`;
  return engineError('SOURCE_CHANGED', message, { path });
}

function checkSize(blob: BlobRef, actual: number): void {
  if (blob.size !== undefined && blob.size !== actual) throw sizeMismatch(blob, blob.size, actual);
}

function sizeMismatch(blob: BlobRef, expected: number, actual: number): Error {
  const what = blob.digest ?? blob.path;
  return engineError('SIZE_MISMATCH', `${JSON.stringify(what)} has ${actual} bytes, ${expected} were promised`, {
    what,
    expected,
    actual,
  });
}
