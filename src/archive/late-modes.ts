import { check } from '../system/errno.ts';
import { type Bytes, S_IFDIR, S_IFMT, type System } from '../system/system.ts';
import { splitPath } from './paths.ts';

/**
 * Gives directories the modes that would have kept an ordinary user from filling them, the innermost first, so that none
 * is closed before those inside it. What is no directory any more is left alone.
 */
export function applyLateModes(system: System, root: Bytes, modes: ReadonlyMap<Bytes, number>): void {
  const top = check(system.openRoot(root), 'open', root);
  try {
    for (const [path, mode] of [...modes].sort(([a], [b]) => (a < b ? 1 : -1))) {
      const { dir, base } = splitPath(path);
      const parent = system.openDir(top, dir, 'refuse');
      if (typeof parent === 'number') continue;
      const stat = system.lstat(parent, base);
      if (typeof stat !== 'number' && (stat.mode & S_IFMT) === S_IFDIR) system.setMode(parent, base, mode);
      system.closeDir(parent);
    }
  } finally {
    system.closeDir(top);
  }
}
