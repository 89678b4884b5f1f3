import { statSync } from 'node:fs';

/**
 * What tells one state of a file or directory from another: inode, size, and time to the nanosecond, and how often
 * layermill changed it, for two changes may fall within one tick of the file system's clock.
 */
export function generationOf(path: string, changes: number): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? ABSENT : `${changes}:${stat.ino}:${stat.size}:${stat.mtimeNs}`;
}

/** The generation of what is not there. */
export const ABSENT = 'absent';
