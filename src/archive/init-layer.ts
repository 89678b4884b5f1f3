import { EEXIST, EISDIR, ENOENT, ENOTDIR, EPERM, check } from '../system/errno.ts';
import { openSystem } from '../system/select.ts';
import { type Dir, S_IFDIR, S_IFMT, type System } from '../system/system.ts';
import { splitPath } from './paths.ts';

const MODE = 0o755;

/** What a container's mount points and generated files need to be there; the text is the target of a link. */
const WANTED: readonly (readonly [path: string, kind: 'dir' | 'file' | 'link', target?: string])[] = [
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
 * Prepares the top layer of a container: `/dev/pts`, `/proc`, empty `/etc/hosts` and their like. Files and links in
 * their place are removed, also where a directory is needed, so that an image cannot lead the writes elsewhere; real
 * directories stay. Nothing outside `dir` is touched.
 */
export function setupInitLayer(dir: string): Promise<void> {
  return new Promise((resolve) => {
    prepare(dir);
    resolve();
  });
}

function prepare(dir: string): void {
  const system = openSystem();
  const root = check(system.openRoot(Buffer.from(dir).toString('latin1')), 'open', dir);
  try {
    for (const [path, kind, target] of WANTED) place(system, root, path, kind, target ?? '');
  } finally {
    system.closeDir(root);
  }
}

function place(system: System, root: Dir, path: string, kind: 'dir' | 'file' | 'link', target: string): void {
  const { dir, base } = splitPath(path);
  const parent = dir === '' ? root : realDirectory(system, root, dir);
  try {
    if (kind === 'dir') {
      closeUnless(system, realDirectory(system, parent, base), root);
      return;
    }
    removeFile(system, parent, base);
    if (kind === 'link') ignoreExisting(system.symlink(target, parent, base), path);
    else makeFile(system, parent, base, path);
  } finally {
    closeUnless(system, parent, root);
  }
}

/** A directory that is really there: what is no directory makes room for it. */
function realDirectory(system: System, parent: Dir, name: string): Dir {
  const stat = system.lstat(parent, name);
  if (typeof stat === 'number' || (stat.mode & S_IFMT) !== S_IFDIR) {
    if (typeof stat !== 'number') check(system.unlink(parent, name), 'unlink', name);
    check(system.mkdir(parent, name, MODE), 'mkdir', name);
    check(system.setMode(parent, name, MODE), 'chmod', name);
  }
  return check(system.openDir(parent, name, 'refuse'), 'open', name);
}

function removeFile(system: System, parent: Dir, name: string): void {
  const result = system.unlink(parent, name);
  if (result < 0 && ![-ENOENT, -EISDIR, -EPERM, -ENOTDIR].includes(result)) check(result, 'unlink', name);
}

function makeFile(system: System, parent: Dir, name: string, path: string): void {
  const fd = system.createFile(parent, name, MODE);
  if (fd === -EEXIST) return;
  check(fd, 'open', path);
  check(system.setFileMode(fd, MODE), 'chmod', path);
  system.close(fd);
}

function ignoreExisting(result: number, path: string): void {
  if (result !== -EEXIST) check(result, 'symlink', path);
}

function closeUnless(system: System, dir: Dir, root: Dir): void {
  if (dir !== root) system.closeDir(dir);
}
