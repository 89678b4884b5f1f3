import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ENOSYS, EOPNOTSUPP, check } from '../system/errno.ts';
import type { System } from '../system/system.ts';

/** When commits are on the disk: groups of them together, each by itself, or when the system likes. */
export type Durability = 'batch' | 'layer' | 'none';

/** Everything that was written to the store's file system before, made durable. Throws when the disk says no. */
export async function syncStore(system: System, path: string): Promise<void> {
  const result = await system.syncFileSystem(path);
  // Where the system cannot sync one file system, the program that syncs them all can be counted on.
  if (result === -ENOSYS || result === -EOPNOTSUPP) await promisify(execFile)('sync', []);
  else check(result, 'syncfs', path);
}
