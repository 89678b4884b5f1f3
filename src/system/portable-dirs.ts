import { EINVAL, ESTALE } from './errno.ts';
import { isComponent } from './name-buffer.ts';
import { join, statPath } from './portable-path.ts';
import { type Bytes, type Dir, S_IFDIR, S_IFMT } from './system.ts';

/** The directories that are open: node:fs has no calls relative to one, so each keeps its path and its inode. */
export interface PortableDirs {
  open(path: Bytes): Dir | number;
  close(dir: Dir): void;
  /** The path of a directory (`''`) or of a name in it, or a negative errno. */
  place(dir: Dir, name: Bytes): Bytes | number;
}

/**
 * A directory has no descriptor here: `fd` is a ticket. Before every use the inode says whether its path still leads
 * to the directory that was opened: one that was renamed, or replaced by a link, is refused (-ESTALE), not followed.
 */
export function portableDirs(): PortableDirs {
  const inodes = new Map<number, string>();
  let tickets = 0;

  const itself = (dir: Dir): Bytes | number => {
    const found = statPath(dir.path);
    if (typeof found === 'number') return found;
    return found.inode === inodes.get(dir.fd) && (found.mode & S_IFMT) === S_IFDIR ? dir.path : -ESTALE;
  };

  return {
    open(path) {
      const found = statPath(path);
      if (typeof found === 'number') return found;
      const fd = ++tickets;
      inodes.set(fd, found.inode);
      return { fd, path };
    },
    close(dir) {
      inodes.delete(dir.fd);
    },
    place(dir, name) {
      if (name !== '' && !isComponent(name)) return -EINVAL;
      const path = itself(dir);
      return typeof path === 'number' || name === '' ? path : join(path, name);
    },
  };
}
