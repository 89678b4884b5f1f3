import { lstatSync } from 'node:fs';
import { copyAttributes } from '../archive/copy-up.ts';
import { check } from '../system/errno.ts';
import type { Dir, System } from '../system/system.ts';

/** When something was last changed, in nanoseconds since 1970. */
export function changedAt(path: string): bigint {
  return lstatSync(path, { bigint: true }).mtimeNs;
}

/**
 * Whether the layer itself says what its root is like. A described root has the time of its tar entry; any other one
 * was last changed while the layer was made.
 */
export function isRootDescribed(root: string, madeFrom: bigint, madeUntil: bigint): boolean {
  const time = changedAt(root);
  return time < madeFrom || time > madeUntil;
}

/** Gives a root what the layer below says of it: of stacked directories the kernel shows the top one's attributes. */
export function inheritRoot(system: System, parentRoot: string, root: string): void {
  withDirectory(system, parentRoot, (parent) =>
    withDirectory(system, root, (own) => {
      const stat = check(system.lstat(parent, ''), 'stat', parent.path);
      copyAttributes(system, { dir: parent, name: '', stat }, own, '', process.geteuid?.() === 0);
    }),
  );
}

function withDirectory(system: System, path: string, work: (dir: Dir) => void): void {
  const dir = check(system.openRoot(Buffer.from(path).toString('latin1')), 'open', path);
  try {
    work(dir);
  } finally {
    system.closeDir(dir);
  }
}
