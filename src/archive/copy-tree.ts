import { EMLINK, EOPNOTSUPP, EPERM, EXDEV, check } from '../system/errno.ts';
import { type Bytes, type Dir, S_IFDIR, S_IFMT, type System } from '../system/system.ts';
import { copyAttributes, copyFileUp } from './copy-up.ts';
import { join, splitPath } from './paths.ts';

/** Why a second name for a file may be refused where a copy of it is possible: too many names, not ours, elsewhere. */
const NOT_LINKABLE = new Set([-EMLINK, -EPERM, -EXDEV, -EOPNOTSUPP]);

export interface CopyTreeOptions {
  /** Owners can be kept. */
  privileged: boolean;
  /** Called for each entry; may throw to stop. */
  onEntry: () => void;
}

/**
 * Makes the empty directory `to` show the same tree as `from`, which stays as it is. Directories are made anew;
 * everything else becomes a second name of the same inode: nothing in a committed layer is ever written in place.
 * What cannot be linked is copied; a group of hard links is then one inode among the copies, too.
 */
export function copyTree(system: System, from: Bytes, to: Bytes, options: CopyTreeOptions): void {
  const source = check(system.openRoot(from), 'open', from);
  try {
    const target = check(system.openRoot(to), 'open', to);
    try {
      const copy: TreeCopy = { system, source, target, options, copied: new Map() };
      const pending: Bytes[] = [''];
      for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
        for (const child of copyDirectory(copy, path)) pending.push(child);
      }
    } finally {
      system.closeDir(target);
    }
  } finally {
    system.closeDir(source);
  }
}

interface TreeCopy {
  readonly system: System;
  readonly source: Dir;
  readonly target: Dir;
  readonly options: CopyTreeOptions;
  /** Inodes with several names that had to be copied → the first copy's path. */
  readonly copied: Map<string, Bytes>;
}

/** Answers the directories inside, made but still empty. */
function copyDirectory(copy: TreeCopy, path: Bytes): Bytes[] {
  const { system } = copy;
  const from = check(system.openDir(copy.source, path, 'refuse'), 'open', join(copy.source.path, path));
  try {
    const to = check(system.openDir(copy.target, path, 'refuse'), 'open', join(copy.target.path, path));
    try {
      const names = check(system.readDir(from), 'readdir', join(copy.source.path, path));
      const inside = names.filter((name) => copyEntry(copy, path, from, to, name)).map((name) => join(path, name));
      // Making the subdirectories was the last change in this one, so its times can be set now.
      const stat = check(system.lstat(from, ''), 'stat', join(copy.source.path, path));
      copyAttributes(system, { dir: from, name: '', stat }, to, '', copy.options.privileged);
      return inside;
    } finally {
      system.closeDir(to);
    }
  } finally {
    system.closeDir(from);
  }
}

/** Answers true for a directory. */
function copyEntry(copy: TreeCopy, path: Bytes, from: Dir, to: Dir, name: Bytes): boolean {
  const { system, options } = copy;
  options.onEntry();
  const stat = check(system.lstat(from, name), 'stat', join(from.path, name));
  if ((stat.mode & S_IFMT) === S_IFDIR) {
    check(system.mkdir(to, name, 0o700), 'mkdir', join(to.path, name));
    return true;
  }
  const linked = system.link(from, name, to, name);
  if (linked >= 0) return false;
  if (!NOT_LINKABLE.has(linked)) check(linked, 'link', join(to.path, name));
  const first = stat.nlink > 1 ? copy.copied.get(stat.inode) : undefined;
  if (first === undefined) {
    copyFileUp(system, { dir: from, name, stat }, to, name, options.privileged);
    if (stat.nlink > 1) copy.copied.set(stat.inode, join(path, name));
  } else {
    linkWithin(copy, first, to, name);
  }
  return false;
}

function linkWithin({ system, target }: TreeCopy, first: Bytes, to: Dir, name: Bytes): void {
  const { dir, base } = splitPath(first);
  const parent = check(system.openDir(target, dir, 'refuse'), 'open', join(target.path, dir));
  try {
    check(system.link(parent, base, to, name), 'link', join(to.path, name));
  } finally {
    system.closeDir(parent);
  }
}
