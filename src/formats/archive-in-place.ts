import { type FileHandle, open } from 'node:fs/promises';
import { withPath } from '../errors/system-error.ts';
import { onAbort } from '../streams/abort.ts';
import type { BlobRef } from '../streams/blob-ref.ts';
import type { FormatContext } from './context.ts';
import { layOutArchive, type OuterMember } from './tar-outer.ts';

/** Bytes that one task copies. */
const RANGE_BYTES = 64 * 1024 * 1024;

/** Writes a tar of images into the new file `path`, blobs by all threads at once. */
export async function writeInPlace(
  members: readonly OuterMember[],
  path: string,
  { pool, signal }: FormatContext,
): Promise<void> {
  const { size, bytes, blobs } = await layOutArchive(members);
  const file = await open(path, 'wx', 0o666);
  try {
    await file.truncate(size);
    for (const { at, content } of bytes) await writeAt(file, content, at);
  } catch (error) {
    throw withPath(error, path);
  } finally {
    await file.close();
  }
  const ranges = blobs.flatMap(({ at, blob }) => rangesOf(at, blob));
  const stop = new AbortController();
  const deafen = onAbort(signal, () => stop.abort(signal?.reason));
  const copies = ranges.map((range) => pool.run('blob.place', { ...range, to: path }, { signal: stop.signal }));
  try {
    await Promise.all(copies);
  } catch (error) {
    stop.abort();
    // Nobody may write to a file that its owner has given up.
    await Promise.allSettled(copies);
    throw error;
  } finally {
    deafen();
  }
}

/** A disk that is nearly full may take less than it was given. */
async function writeAt(file: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;)
    done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
}

function rangesOf(at: number, { path, offset = 0, size }: BlobRef & { size: number }): { blob: BlobRef; at: number }[] {
  return Array.from({ length: Math.ceil(size / RANGE_BYTES) }, (_unused, index) => {
    const start = index * RANGE_BYTES;
    return { blob: { path, offset: offset + start, length: Math.min(RANGE_BYTES, size - start) }, at: at + start };
  });
}
