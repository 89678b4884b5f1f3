import { mkdir } from 'node:fs/promises';
import { fromSystemError } from '../errors/system-error.ts';
import { check, EEXIST, ENOENT } from '../system/errno.ts';
import { openSystem } from '../system/select.ts';
import { type Bytes, type Dir, S_IFDIR, S_IFMT, type System } from '../system/system.ts';
import { join, splitPath } from './paths.ts';

const MODE = 0o755;

type Kind = 'dir' | 'file' | 'link';

/** What a container's runtime mounts over or writes to; the text is the target of a link. */
const MOUNT_POINTS: readonly (readonly [path: Bytes, kind: Kind, target?: Bytes])[] = [
  ['dev/pts', 'dir'],
  ['dev/shm', 'dir'],
  ['proc', 'dir'],
  ['sys', 'dir'],
  ['.dockerinit', 'file'],
  ['.dockerenv', 'file'],
  ['etc/resolv.conf', 'file'],
  ['etc/hosts', 'file'],
  ['etc/hostname', 'file'],
  ['dev/console', 'file'],
  ['etc/mtab', 'link', '/proc/mounts'],
];

/**
 * Prepares `dir`, made when missing, as the layer between an image and a container: directories, empty files (0755, as
 * Docker made them) and a link where the runtime mounts. Files and links in their places are replaced, and so are links
 * on the way, so that nothing outside `dir` is ever touched; directories that are there stay as they are.
 */
export async function setupInitLayer(dir: string, system: System = openSystem()): Promise<void> {
  try {
    await mkdir(dir, { recursive: true, mode: MODE });
  } catch (error) {
    throw fromSystemError(error) ?? error;
  }
  const root = check(system.openRoot(Buffer.from(dir).toString('latin1')), 'open', dir);
  try {
    for (const [path, kind, target] of MOUNT_POINTS) {
      const { dir: parentPath, base } = splitPath(path);
      inParent(system, root, parentPath, (parent) => replace(system, parent, base, kind, target ?? ''));
    }
  } finally {
    system.closeDir(root);
  }
}

/** Every parent is the root or directly in it. */
function inParent(system: System, root: Dir, path: Bytes, work: (parent: Dir) => void): void {
  if (path === '') return work(root);
  replace(system, root, path, 'dir', '');
  const parent = check(system.openDir(root, path, 'refuse'), 'open', join(root.path, path));
  try {
    work(parent);
  } finally {
    system.closeDir(parent);
  }
}

function replace(system: System, parent: Dir, name: Bytes, kind: Kind, target: Bytes): void {
  const path = join(parent.path, name);
  const removed = system.unlink(parent, name);
  const stat = system.lstat(parent, name);
  if (stat === -ENOENT) return make(system, parent, name, kind, target);
  const isDir = (check(stat, 'stat', path).mode & S_IFMT) === S_IFDIR;
  // unlink never removes a directory; anything else that is still here would not let itself be replaced.
  if (!isDir) check(removed < 0 ? removed : -EEXIST, 'unlink', path);
}

/** Modes are set once more: those given when something is made depend on the umask. */
function make(system: System, parent: Dir, name: Bytes, kind: Kind, target: Bytes): void {
  const path = join(parent.path, name);
  switch (kind) {
    case 'dir':
      check(system.mkdir(parent, name, MODE), 'mkdir', path);
      break;
    case 'file':
      system.close(check(system.createFile(parent, name, MODE), 'create', path));
      break;
    case 'link':
      check(system.symlink(target, parent, name), 'symlink', path);
      return;
  }
  check(system.setMode(parent, name, MODE), 'chmod', path);
}
