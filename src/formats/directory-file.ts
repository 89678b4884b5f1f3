import { lstat, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { engineError } from '../errors/kinds.ts';
import { errnoOf } from '../errors/system-error.ts';

/**
 * A file of a directory of images, with its length in bytes; null when it is missing. Links are followed as long as they
 * stay inside: some builders link blobs to the files they are. `root` is a real path. Throws ARCHIVE_INVALID for what
 * leaves it, or is no regular file.
 */
export async function locateFile(root: string, name: string): Promise<{ path: string; length: number } | null> {
  let path: string;
  try {
    path = await realpath(join(root, name));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return null;
    if (errno === 'ELOOP') throw unusable(name, 'its links go round in circles');
    throw error;
  }
  if (!path.startsWith(root + sep)) throw unusable(name, 'it is a link that leaves the directory');
  const stat = await lstat(path);
  if (!stat.isFile()) throw unusable(name, 'it is no regular file');
  return { path, length: stat.size };
}

function unusable(name: string, problem: string): Error {
  return engineError('ARCHIVE_INVALID', `${JSON.stringify(name)} is not usable: ${problem}`, { member: name });
}

/** Whether a directory that is written has a regular file of this name and size. */
export async function holdsFile(path: string, size: number): Promise<boolean> {
  try {
    const stat = await lstat(path);
    return stat.isFile() && stat.size === size;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}
