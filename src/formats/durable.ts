import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { System } from '../system/system.ts';
import { syncDirectory, syncFile } from '../streams/atomic-file.ts';

/** Writes the files of a directory to disk: all at once where the system can, else one by one. */
export async function syncFiles(directory: string, system: System): Promise<void> {
  if ((await system.syncFileSystem(directory)) === 0) return;
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.isFile()) await syncFile(join(directory, entry.name));
  }
  await syncDirectory(directory);
}
