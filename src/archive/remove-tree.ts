import { rmdir } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { EACCES, EISDIR, ENOENT, EPERM, check } from '../system/errno.ts';
import { type Bytes, type Dir, S_IFDIR, S_IFMT, type System } from '../system/system.ts';
import { join, splitPath } from './paths.ts';

/** Entries between two turns of the event loop: about 10 ms. */
const ENTRIES_PER_TURN = 2000;

/**
 * Removes a directory and all it holds, whatever its names, depth and modes; one that is not there is no error.
 * Node's own `rm` builds absolute paths, which a deep layer makes longer than the kernel takes.
 */
export async function removeTree(system: System, path: Bytes): Promise<void> {
  const root = system.openRoot(path);
  if (root === -ENOENT) return;
  const opened = check(root, 'open', path);
  try {
    await emptyDirectory(system, opened);
  } finally {
    system.closeDir(opened);
  }
  await rmdir(Buffer.from(path, 'latin1'));
}

async function emptyDirectory(system: System, root: Dir): Promise<void> {
  const directories: Bytes[] = [''];
  let untilTurn = ENTRIES_PER_TURN;
  for (let at = 0; at < directories.length; at++) {
    const path = directories[at]!;
    const dir = check(system.openDir(root, path, 'refuse'), 'open', join(root.path, path));
    try {
      for (const name of namesIn(system, dir)) {
        if (isDirectoryAfterUnlink(system, dir, name)) directories.push(join(path, name));
        if (--untilTurn === 0) {
          untilTurn = ENTRIES_PER_TURN;
          await setImmediate();
        }
      }
    } finally {
      system.closeDir(dir);
    }
  }
  for (const path of directories.slice(1).reverse()) removeEmpty(system, root, path);
}

/** Removes what is no directory; answers true for one. */
function isDirectoryAfterUnlink(system: System, dir: Dir, name: Bytes): boolean {
  let result = system.unlink(dir, name);
  if (result === -EACCES && system.setMode(dir, '', 0o700) >= 0) result = system.unlink(dir, name);
  if (result >= 0) return false;
  const stat = result === -EISDIR || result === -EPERM ? system.lstat(dir, name) : result;
  if (typeof stat !== 'number' && (stat.mode & S_IFMT) === S_IFDIR) return true;
  check(result, 'unlink', join(dir.path, name));
  return false;
}

/** An unfinished extraction may have left directories that not even their owner may read. */
function namesIn(system: System, dir: Dir): Bytes[] {
  let names = system.readDir(dir);
  if (names === -EACCES && system.setMode(dir, '', 0o700) >= 0) names = system.readDir(dir);
  return check(names, 'readdir', dir.path);
}

function removeEmpty(system: System, root: Dir, path: Bytes): void {
  const { dir, base } = splitPath(path);
  const parent = check(system.openDir(root, dir, 'refuse'), 'open', join(root.path, dir));
  try {
    check(system.rmdir(parent, base), 'rmdir', join(root.path, path));
  } finally {
    system.closeDir(parent);
  }
}
