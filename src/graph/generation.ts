import { statSync } from 'node:fs';

/** A file system may give two changes within one tick of its clock the same time. */
const TICK_MS = 20;

/**
 * What tells one state of a file or directory from another: inode, size, and time to the nanosecond. One that changed a
 * moment ago equals nothing, not even itself: a further change in the same tick would go unseen.
 */
export function generationOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (stat === undefined) return 'absent';
  const young = Date.now() - Number(stat.ctimeMs) < TICK_MS ? `:${process.hrtime.bigint()}` : '';
  return `${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}${young}`;
}
