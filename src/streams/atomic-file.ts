import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { withPath } from '../errors/system-error.ts';

/** Ends the names of files that were being written when their process died; nobody reads them. */
export const UNFINISHED = '.tmp';

export interface AtomicWriteOptions {
  /** Permission bits of the file; 0600 by default. */
  mode?: number;
  /** False leaves it to the caller to sync file and directory before relying on them. */
  sync?: boolean;
}

/** What is written: all of it, or its parts in order. */
type Content = Uint8Array | string | readonly Buffer[];

/** Replaces a file as a whole: readers see the old bytes or the new ones, also after a crash. */
export async function writeFileAtomic(path: string, bytes: Content, options: AtomicWriteOptions = {}): Promise<void> {
  const { mode = 0o600, sync = true } = options;
  const beside = `${path}.${randomBytes(8).toString('hex')}${UNFINISHED}`;
  try {
    await writeNew(beside, bytes, mode, sync);
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw withPath(error, path);
  }
  if (sync) await syncDirectory(dirname(path));
}

/** Makes the names in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  await using directory = await opened(path, 'r');
  await directory.handle.sync();
}

/** Makes the bytes of a file durable. */
export async function syncFile(path: string): Promise<void> {
  await using file = await opened(path, 'r');
  await file.handle.sync();
}

async function writeNew(path: string, bytes: Content, mode: number, sync: boolean): Promise<void> {
  await using file = await opened(path, 'wx', mode);
  if (typeof bytes === 'string' || bytes instanceof Uint8Array) await file.handle.writeFile(bytes);
  else await writeParts(file.handle, bytes);
  if (sync) await file.handle.sync();
}

/** As one write where the system takes it as one. */
async function writeParts(file: FileHandle, parts: readonly Buffer[]): Promise<void> {
  const { bytesWritten } = await file.writev(parts);
  const all = parts.reduce((sum, part) => sum + part.length, 0);
  if (bytesWritten < all) await file.writeFile(Buffer.concat(parts).subarray(bytesWritten));
}

/** Node 20's FileHandle cannot dispose of itself. */
async function opened(path: string, flags: string, mode?: number): Promise<AsyncDisposable & { handle: FileHandle }> {
  const handle = await open(path, flags, mode);
  return { handle, [Symbol.asyncDispose]: () => handle.close() };
}
