import { mkdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errnoOf } from '../errors/system-error.ts';

/**
 * Makes a directory and those above it; answers the first that was made, undefined where all were there. Node's own way goes
 * on for ever where a directory is there that takes none (`/proc`, a mount point that automounts).
 */
export async function makeDirectories(path: string): Promise<string | undefined> {
  const place = join(dirname(path), basename(path));
  try {
    return await makeOne(place);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || dirname(place) === place) throw error;
  }
  const above = await makeDirectories(dirname(place));
  const made = await makeOne(place);
  return above ?? made;
}

async function makeOne(path: string): Promise<string | undefined> {
  try {
    await mkdir(path);
    return path;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST' && (await stat(path)).isDirectory()) return undefined;
    throw error;
  }
}
