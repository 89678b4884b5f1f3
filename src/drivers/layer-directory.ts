import { lstatSync, renameSync } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { errnoOf } from '../errors/system-error.ts';
import { engineError } from '../errors/kinds.ts';
import type { EngineError } from '../errors/engine-error.ts';
import { isImageId } from '../identity/image-id.ts';

/** What the root of a file system is like when no layer says otherwise. */
export const ROOT_MODE = 0o755;

export async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return false;
    throw error;
  }
}

/** Entries of a directory that are read at once: a store has many, and 32, Node's default, take twice the time. */
const ENTRIES_AT_ONCE = 1024;

/** The layer ids that name something in a directory; none when it does not exist. */
export async function* layerIdsIn(path: string): AsyncGenerator<string> {
  if (!(await isDirectory(path))) return;
  const directory = await opendir(path, { bufferSize: ENTRIES_AT_ONCE });
  for await (const { name } of directory) if (isImageId(name)) yield name;
}

/**
 * Renames a finished directory to its place. Synchronous, so that of two commits of one layer the second always sees
 * the first: rename alone would silently replace an empty directory. Throws ALREADY_EXISTS.
 */
export function moveIntoPlace(from: string, to: string): void {
  if (lstatSync(to, { throwIfNoEntry: false }) !== undefined) {
    throw engineError('ALREADY_EXISTS', `the layer is there already: ${JSON.stringify(to)}`, { path: to });
  }
  renameSync(from, to);
}

export function layerNotFound(driver: string, id: string): EngineError {
  return engineError('LAYER_NOT_FOUND', `the ${driver} driver has no layer ${id}`, { driver, id });
}

/** Throws STORE_READ_ONLY; `home` is the driver's directory. */
export function refuseReadOnly(readOnly: boolean, home: string): void {
  if (!readOnly) return;
  throw engineError('STORE_READ_ONLY', `${JSON.stringify(home)} is open for reading only`, { root: home });
}
