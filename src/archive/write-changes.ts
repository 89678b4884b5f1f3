import { closeSync, readSync } from 'node:fs';
import type { ByteSink } from '../compression/codec.ts';
import { engineError } from '../errors/kinds.ts';
import { EACCES, ENOENT, EPERM, check, errnoName } from '../system/errno.ts';
import { type Bytes, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, type System } from '../system/system.ts';
import { type Change, portableXattrs, unrepresentable } from './changes.ts';
import type { MergedTree, TreeEntry } from './merged-tree.ts';
import { join, splitPath } from './paths.ts';
import { shownName } from './shown-name.ts';
import type { EntryType } from './tar-entry.ts';
import { writeEnd, writeHeader, writePadding, type WrittenEntry } from './tar-writer.ts';
import { OPAQUE_MARKER, WHITEOUT_PREFIX } from './whiteouts.ts';

const READ_BYTES = 256 * 1024;

export interface WriteOptions {
  /** Told of what is left out because this user may not read it. */
  warn(code: string, message: string, entry?: string): void;
}

/**
 * Writes changes as the tar of a layer, in the order given. The first name of a file has its content, further ones are
 * hard links to it. Throws SOURCE_CHANGED when a file is not what it was when it was listed: the tar would be malformed.
 */
export function writeChanges(
  system: System,
  tree: MergedTree,
  changes: Iterable<Change>,
  sink: ByteSink,
  options: WriteOptions,
): void {
  const firstNames = new Map<string, Bytes>();
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  for (const change of changes) {
    if (change.entry === null) writeHeader(marker(change), sink);
    else writeEntry(change.entry);
  }
  writeEnd(sink);

  function writeEntry(entry: TreeEntry): void {
    const linked = entry.stat.nlink > 1 && entry.content === null;
    const first = linked ? firstNames.get(entry.stat.inode) : undefined;
    if (first !== undefined) {
      writeHeader({ ...describe(system, tree, entry), type: 'hardlink', size: 0, linkname: first, xattrs: null }, sink);
      return;
    }
    const described = describe(system, tree, entry);
    if (described.type === 'file') {
      if (!writeFile(entry, described)) return;
    } else {
      writeHeader(described, sink);
    }
    if (linked) firstNames.set(entry.stat.inode, entry.path);
  }

  function writeFile(entry: TreeEntry, described: WrittenEntry): boolean {
    const fd = tree.openFile(entry);
    if (fd === -EACCES || fd === -EPERM) {
      options.warn('NOT_READABLE', `left out, it cannot be read (${errnoName(fd)})`, shownName(entry.path));
      return false;
    }
    if (fd === -ENOENT) throw sourceChanged(entry.path, 'it has gone');
    check(fd, 'open', tree.where(entry));
    try {
      writeHeader(described, sink);
      copyBody(fd, entry);
    } finally {
      closeSync(fd);
    }
    writePadding(described.size, sink);
    return true;
  }

  function copyBody(fd: number, { path, stat }: TreeEntry): void {
    let left = stat.size;
    while (left > 0) {
      const read = readSync(fd, buffer, 0, Math.min(READ_BYTES, left), null);
      if (read === 0) throw sourceChanged(path, 'it became shorter');
      sink(buffer.subarray(0, read));
      left -= read;
    }
    if (readSync(fd, buffer, 0, 1, null) !== 0) throw sourceChanged(path, 'it became longer');
  }
}

function describe(system: System, tree: MergedTree, entry: TreeEntry): WrittenEntry {
  const { stat, path } = entry;
  const type = entryType(stat.mode & S_IFMT, path);
  const xattrs = portableXattrs(system, tree, entry);
  return {
    name: type === 'dir' ? `${path}/` : path,
    type,
    mode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    size: type === 'file' ? stat.size : 0,
    mtimeSec: stat.mtimeSec,
    linkname: type === 'symlink' ? tree.readLink(entry) : '',
    devMajor: type === 'char' || type === 'block' ? stat.rdevMajor : 0,
    devMinor: type === 'char' || type === 'block' ? stat.rdevMinor : 0,
    xattrs: xattrs.size === 0 ? null : xattrs,
  };
}

function entryType(type: number, path: Bytes): EntryType {
  switch (type) {
    case S_IFREG:
      return 'file';
    case S_IFDIR:
      return 'dir';
    case S_IFLNK:
      return 'symlink';
    case S_IFCHR:
      return 'char';
    case S_IFBLK:
      return 'block';
    case S_IFIFO:
      return 'fifo';
  }
  throw unrepresentable(path, 'it is of a type that archives do not know');
}

/** A whiteout says nothing but its name: no mode, no owner, no time. */
function marker(change: Change): WrittenEntry {
  const { dir, base } = splitPath(change.path);
  const name = change.kind === 'opaque' ? join(change.path, OPAQUE_MARKER) : join(dir, WHITEOUT_PREFIX + base);
  return { name, type: 'file', mode: 0, uid: 0, gid: 0, size: 0, mtimeSec: 0, linkname: '', devMajor: 0, devMinor: 0, xattrs: null };
}

function sourceChanged(path: Bytes, how: string): Error {
  const shown = shownName(path);
  const message = `"${shown}" changed while it was read (${how}); stop what writes there and run it again`;
  return engineError('SOURCE_CHANGED', message, { path: shown });
}
