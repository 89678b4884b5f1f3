import { closeSync, readSync } from 'node:fs';
import { engineError } from '../errors/kinds.ts';
import { check } from '../system/errno.ts';
import { type Bytes, S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK, type System } from '../system/system.ts';
import type { MergedTree, TreeDir, TreeEntry } from './merged-tree.ts';
import { isOverlayXattr } from './overlay-marks.ts';
import { join } from './paths.ts';
import { shownName } from './shown-name.ts';
import { WHITEOUT_PREFIX } from './whiteouts.ts';

/** One difference between two trees. `entry` is what is there now; null for what is gone. */
export type Change =
  | { path: Bytes; kind: 'add' | 'modify'; entry: TreeEntry }
  | { path: Bytes; kind: 'delete'; entry: null }
  /** Everything that the layers below have in a directory is gone. */
  | { path: Bytes; kind: 'opaque'; entry: null };

/** `C /path`, `A /path`, `D /path`, as `docker diff` prints them. */
export function changeText(change: Change): string {
  const letter = { add: 'A', modify: 'C', delete: 'D', opaque: 'O' }[change.kind];
  return `${letter} /${shownName(change.path)}`;
}

/**
 * What must be done to `older` (null: nothing at all) to make it `newer`: in each directory first what is gone, then the
 * rest, by the bytes of the names, a directory before what is in it. A directory in which something changed is named too,
 * so that its attributes travel; one whose time or size alone differs is not. Sockets are left out. Throws
 * CHANGES_UNREPRESENTABLE for new names that would be whiteouts.
 */
export function* listChanges(system: System, newer: MergedTree, older: MergedTree | null): Generator<Change> {
  yield* changesIn({ system, newer, older }, newer.root, older?.root ?? null);
}

interface Comparison {
  system: System;
  newer: MergedTree;
  older: MergedTree | null;
}

function* changesIn(trees: Comparison, newDir: TreeDir, oldDir: TreeDir | null): Generator<Change> {
  const now = trees.newer.list(newDir);
  const before = oldDir === null || trees.older === null ? new Map<Bytes, TreeEntry>() : trees.older.list(oldDir);
  for (const name of [...before.keys()].sort()) {
    if (!now.has(name) || typeOf(now.get(name)!) === S_IFSOCK) yield { path: join(newDir.path, name), kind: 'delete', entry: null };
  }
  for (const name of [...now.keys()].sort()) {
    const entry = now.get(name)!;
    if (typeOf(entry) === S_IFSOCK) continue;
    if (name.startsWith(WHITEOUT_PREFIX)) throw unrepresentable(entry.path, 'its name is that of a whiteout');
    yield* changesOf(trees, entry, before.get(name) ?? null);
  }
}

function* changesOf(trees: Comparison, entry: TreeEntry, old: TreeEntry | null): Generator<Change> {
  const change: Change = { path: entry.path, kind: old === null ? 'add' : 'modify', entry };
  const changed = old === null || differs(trees, entry, old);
  if (entry.content === null) {
    if (changed) yield change;
    return;
  }
  const inside = changesIn(trees, entry.content, old?.content ?? null);
  const first = inside.next();
  if (changed || first.done !== true) yield change;
  if (first.done === true) return;
  yield first.value;
  yield* inside;
}

function differs(trees: Comparison, entry: TreeEntry, old: TreeEntry): boolean {
  const now = entry.stat;
  const before = old.stat;
  const type = typeOf(entry);
  // Two names of one inode, as the clone of a tree has them, cannot differ.
  if (now.inode === before.inode && type !== S_IFDIR) return false;
  if (now.mode !== before.mode || now.uid !== before.uid || now.gid !== before.gid) return true;
  if (type === S_IFCHR || type === S_IFBLK) {
    if (now.rdevMajor !== before.rdevMajor || now.rdevMinor !== before.rdevMinor) return true;
  }
  if (type !== S_IFDIR && (now.size !== before.size || timeDiffers(trees, entry, old))) return true;
  if (type === S_IFLNK && trees.newer.readLink(entry) !== trees.older!.readLink(old)) return true;
  return !sameXattrs(portableXattrs(trees.system, trees.newer, entry), portableXattrs(trees.system, trees.older!, old));
}

/** Archives keep whole seconds: where one of the times has no fraction, the content decides. */
function timeDiffers(trees: Comparison, entry: TreeEntry, old: TreeEntry): boolean {
  const now = entry.stat;
  const before = old.stat;
  if (now.mtimeSec !== before.mtimeSec) return true;
  if (now.mtimeNsec === before.mtimeNsec) return false;
  if (now.mtimeNsec !== 0 && before.mtimeNsec !== 0) return true;
  return typeOf(entry) === S_IFREG && !sameContent(trees, entry, old);
}

function sameContent(trees: Comparison, entry: TreeEntry, old: TreeEntry): boolean {
  const left = check(trees.newer.openFile(entry), 'open', trees.newer.where(entry));
  try {
    const right = check(trees.older!.openFile(old), 'open', trees.older!.where(old));
    try {
      return sameBytes(left, right);
    } finally {
      closeSync(right);
    }
  } finally {
    closeSync(left);
  }
}

function sameBytes(left: number, right: number): boolean {
  const ours = Buffer.allocUnsafe(64 * 1024);
  const theirs = Buffer.allocUnsafe(64 * 1024);
  for (let at = 0; ; ) {
    const read = readSync(left, ours, 0, ours.length, at);
    const other = readSync(right, theirs, 0, theirs.length, at);
    if (read !== other || !ours.subarray(0, read).equals(theirs.subarray(0, other))) return false;
    if (read === 0) return true;
    at += read;
  }
}

/** The extended attributes that a layer carries: those of users, and capabilities. */
export function portableXattrs(system: System, tree: MergedTree, entry: TreeEntry): Map<Bytes, Buffer> {
  const found = new Map<Bytes, Buffer>();
  const { dir, name } = tree.locate(entry);
  const keys = system.listXattrs(dir, name);
  if (typeof keys === 'number') return found;
  for (const key of keys.sort()) {
    if (isOverlayXattr(key) || !(key.startsWith('user.') || key === 'security.capability')) continue;
    const value = system.getXattr(dir, name, key);
    if (typeof value !== 'number') found.set(key, value);
  }
  return found;
}

function sameXattrs(left: Map<Bytes, Buffer>, right: Map<Bytes, Buffer>): boolean {
  if (left.size !== right.size) return false;
  for (const [key, value] of left) if (right.get(key)?.equals(value) !== true) return false;
  return true;
}

function typeOf(entry: TreeEntry): number {
  return entry.stat.mode & S_IFMT;
}

export function unrepresentable(path: Bytes, why: string): Error {
  const shown = shownName(path);
  return engineError('CHANGES_UNREPRESENTABLE', `"${shown}" cannot be part of a layer: ${why}`, { path: shown });
}
