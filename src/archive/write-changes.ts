import type { ByteSink } from '../compression/codec.ts';
import { engineError } from '../errors/kinds.ts';
import { check, EACCES, ELOOP, ENOENT, ENOTDIR, ENXIO, EPERM } from '../system/errno.ts';
import {
  type Bytes,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type System,
} from '../system/system.ts';
import { type Change, unrepresentable } from './changes.ts';
import { layerXattrs } from './layer-xattrs.ts';
import type { MergedTree, TreeEntry } from './merged-tree.ts';
import { join, splitPath } from './paths.ts';
import { shownName } from './shown-name.ts';
import type { EntryType } from './tar-entry.ts';
import { TarOutput } from './tar-output.ts';
import type { WrittenEntry } from './tar-writer.ts';
import { OPAQUE_MARKER, WHITEOUT_PREFIX } from './whiteouts.ts';

/** What opening a file answers when something else has its name by now. */
const REPLACED: ReadonlySet<number> = new Set([-ENOENT, -ENOTDIR, -ELOOP, -ENXIO]);

const TYPES: ReadonlyMap<number, EntryType> = new Map([
  [S_IFREG, 'file'],
  [S_IFDIR, 'dir'],
  [S_IFLNK, 'symlink'],
  [S_IFCHR, 'char'],
  [S_IFBLK, 'block'],
  [S_IFIFO, 'fifo'],
]);

export interface WriteOptions {
  /** Called before each entry; may throw to stop. */
  onEntry?: () => void;
  /** Told of a file that this user may not read, which is then left out; without it that is an error. */
  onUnreadable?: (path: Bytes) => void;
}

/**
 * Writes changes, in the order given, as the tar of a layer. The first name of a file has its content, further ones are
 * hard links to it. Throws SOURCE_CHANGED when a file is not what it was when it was listed: the tar would be malformed.
 */
export function writeChanges(
  system: System,
  tree: MergedTree,
  changes: Iterable<Change>,
  sink: ByteSink,
  options: WriteOptions = {},
): void {
  const output = new TarOutput(sink);
  const firstNames = new Map<string, Bytes>();
  for (const change of changes) {
    options.onEntry?.();
    if (change.entry === null) output.header(marker(change));
    else writeEntry(change.entry);
  }
  output.end();

  function writeEntry(entry: TreeEntry): void {
    const { stat, path } = entry;
    // In a branch of aufs all whiteouts are names of one file.
    const several = stat.nlink > 1 && entry.content === null && !isWhiteout(path);
    const first = several ? firstNames.get(stat.inode) : undefined;
    const written = first === undefined ? describe(system, tree, entry) : linkTo(first, entry);
    if (written.size === 0) output.header(written);
    else if (!writeFile(entry, written)) return;
    if (several && first === undefined) firstNames.set(stat.inode, path);
  }

  /** False when the file was left out. */
  function writeFile(entry: TreeEntry, written: WrittenEntry): boolean {
    const fd = tree.openFile(entry);
    if ((fd === -EACCES || fd === -EPERM) && options.onUnreadable !== undefined) {
      options.onUnreadable(entry.path);
      return false;
    }
    if (REPLACED.has(fd)) throw sourceChanged(entry.path, 'gone');
    check(fd, 'open', tree.where(entry));
    try {
      output.header(written);
      const copied = output.body(fd, written.size);
      if (copied !== 'complete') throw sourceChanged(entry.path, copied);
    } finally {
      system.close(fd);
    }
    return true;
  }
}

function isWhiteout(path: Bytes): boolean {
  return splitPath(path).base.startsWith(WHITEOUT_PREFIX);
}

function describe(system: System, tree: MergedTree, entry: TreeEntry): WrittenEntry {
  const { stat, path } = entry;
  const type = TYPES.get(stat.mode & S_IFMT);
  if (type === undefined) throw unrepresentable(path, 'archives have no such type of file');
  const isDevice = type === 'char' || type === 'block';
  return {
    ...attributes(entry),
    name: type === 'dir' ? `${path}/` : path,
    type,
    size: type === 'file' ? stat.size : 0,
    linkname: type === 'symlink' ? tree.readLink(entry) : '',
    devMajor: isDevice ? stat.rdevMajor : 0,
    devMinor: isDevice ? stat.rdevMinor : 0,
    xattrs: archivable(path, layerXattrs(system, tree, entry)),
  };
}

function linkTo(first: Bytes, entry: TreeEntry): WrittenEntry {
  return {
    ...attributes(entry),
    name: entry.path,
    type: 'hardlink',
    size: 0,
    linkname: first,
    devMajor: 0,
    devMinor: 0,
    xattrs: null,
  };
}

function attributes({ stat }: TreeEntry): Pick<WrittenEntry, 'mode' | 'uid' | 'gid' | 'mtimeSec'> {
  return { mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid, mtimeSec: stat.mtimeSec };
}

function archivable(path: Bytes, xattrs: Map<Bytes, Buffer>): Map<Bytes, Buffer> | null {
  for (const key of xattrs.keys()) {
    if (key.includes('='))
      throw unrepresentable(path, `its attribute ${shownName(key)} has a name that no archive can hold`);
  }
  return xattrs.size === 0 ? null : xattrs;
}

/** A whiteout says nothing but its name: no mode, no owner, no time. */
function marker(change: Change): WrittenEntry {
  const { dir, base } = splitPath(change.path);
  const name = change.kind === 'opaque' ? join(change.path, OPAQUE_MARKER) : join(dir, WHITEOUT_PREFIX + base);
  return {
    name,
    type: 'file',
    mode: 0,
    uid: 0,
    gid: 0,
    size: 0,
    mtimeSec: 0,
    linkname: '',
    devMajor: 0,
    devMinor: 0,
    xattrs: null,
  };
}

function sourceChanged(path: Bytes, how: 'gone' | 'shorter' | 'longer'): Error {
  const shown = shownName(path);
  const message = `"${shown}" changed while it was read (it is ${how}); stop what writes there and run it again`;
  return engineError('SOURCE_CHANGED', message, { path: shown });
}
