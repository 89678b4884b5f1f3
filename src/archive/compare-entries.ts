import { readSync } from 'node:fs';
import { check } from '../system/errno.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, type Stat, type System } from '../system/system.ts';
import { layerXattrs, sameXattrs } from './layer-xattrs.ts';
import type { MergedTree, TreeEntry } from './merged-tree.ts';

const COMPARE_BYTES = 64 * 1024;

/** The tree that is compared and what it is compared to. */
export interface TwoTrees {
  system: System;
  newer: MergedTree;
  older: MergedTree;
}

/** True when both are one inode, as clones of a tree have them: then nothing, inside a directory too, can differ. */
export function isSameInode(now: TreeEntry, before: TreeEntry): boolean {
  if (now.stat.inode !== before.stat.inode) return false;
  const merged = (entry: TreeEntry): boolean => entry.content !== null && entry.content.layers.length > 1;
  return !merged(now) && !merged(before);
}

/**
 * Whether a layer must carry the entry again. Inode number, ctime and number of names say nothing, nor do size and
 * time of a directory: they change when a tree is copied or something inside changes.
 */
export function differs(trees: TwoTrees, now: TreeEntry, before: TreeEntry): boolean {
  const type = now.stat.mode & S_IFMT;
  if (now.stat.mode !== before.stat.mode || now.stat.uid !== before.stat.uid || now.stat.gid !== before.stat.gid)
    return true;
  if (type !== S_IFDIR && contentDiffers(trees, type, now, before)) return true;
  return !sameXattrs(layerXattrs(trees.system, trees.newer, now), layerXattrs(trees.system, trees.older, before));
}

/** The types are known to be equal. */
function contentDiffers(trees: TwoTrees, type: number, now: TreeEntry, before: TreeEntry): boolean {
  if (type === S_IFCHR || type === S_IFBLK) {
    if (now.stat.rdevMajor !== before.stat.rdevMajor || now.stat.rdevMinor !== before.stat.rdevMinor) return true;
  }
  if (now.stat.size !== before.stat.size) return true;
  if (type === S_IFLNK && trees.newer.readLink(now) !== trees.older.readLink(before)) return true;
  switch (compareTimes(now.stat, before.stat)) {
    case 'same':
      return false;
    case 'different':
      return true;
    case 'unsure':
      return type === S_IFREG && !sameContent(trees, now, before);
  }
}

/** Archives keep whole seconds: a time without a fraction may be the other one, cut off. */
function compareTimes(now: Stat, before: Stat): 'same' | 'different' | 'unsure' {
  if (now.mtimeSec !== before.mtimeSec) return 'different';
  if (now.mtimeNsec === 0 || before.mtimeNsec === 0) return 'unsure';
  return now.mtimeNsec === before.mtimeNsec ? 'same' : 'different';
}

function sameContent({ system, newer, older }: TwoTrees, now: TreeEntry, before: TreeEntry): boolean {
  if (now.stat.size === 0) return true;
  const left = check(newer.openFile(now), 'open', newer.where(now));
  try {
    const right = check(older.openFile(before), 'open', older.where(before));
    try {
      return sameBytes(left, right);
    } finally {
      system.close(right);
    }
  } finally {
    system.close(left);
  }
}

function sameBytes(left: number, right: number): boolean {
  const ours = Buffer.allocUnsafe(COMPARE_BYTES);
  const theirs = Buffer.allocUnsafe(COMPARE_BYTES);
  for (let at = 0; ;) {
    const read = readSync(left, ours, 0, COMPARE_BYTES, at);
    const other = readSync(right, theirs, 0, COMPARE_BYTES, at);
    if (read !== other || !ours.subarray(0, read).equals(theirs.subarray(0, read))) return false;
    if (read === 0) return true;
    at += read;
  }
}
