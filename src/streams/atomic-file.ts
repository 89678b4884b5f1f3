import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Ends the names of files that were being written when their process died; nobody reads them. */
export const UNFINISHED = '.tmp';

export interface AtomicWriteOptions {
  /** Permission bits of the file; 0600 by default. */
  mode?: number;
  /** False leaves it to the caller to sync file and directory before relying on them. */
  sync?: boolean;
}

/** Replaces a file as a whole: readers see the old bytes or the new ones, also after a crash. */
export async function writeFileAtomic(
  path: string,
  bytes: Uint8Array | string,
  options: AtomicWriteOptions = {},
): Promise<void> {
  const { mode = 0o600, sync = true } = options;
  const beside = `${path}.${randomBytes(8).toString('hex')}${UNFINISHED}`;
  try {
    await writeNew(beside, bytes, mode, sync);
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  if (sync) await syncDirectory(dirname(path));
}

/** Makes the names in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  await using directory = await opened(path, 'r');
  await directory.handle.sync();
}

async function writeNew(path: string, bytes: Uint8Array | string, mode: number, sync: boolean): Promise<void> {
  await using file = await opened(path, 'wx', mode);
  await file.handle.writeFile(bytes);
  if (sync) await file.handle.sync();
}

/** Node 20's FileHandle cannot dispose of itself. */
async function opened(path: string, flags: string, mode?: number): Promise<AsyncDisposable & { handle: FileHandle }> {
  const handle = await open(path, flags, mode);
  return { handle, [Symbol.asyncDispose]: () => handle.close() };
}
