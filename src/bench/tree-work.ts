import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Work } from './report.ts';

/** The entries of a tree, and the bytes of its files, each inode once. */
export function treeWork(root: string): Work {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true });
  const inodes = new Set<number>();
  let bytes = 0;
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const { ino, size } = lstatSync(join(entry.parentPath, entry.name));
    if (!inodes.has(ino)) bytes += size;
    inodes.add(ino);
  }
  return { bytes, entries: entries.length, images: 1 };
}

/** Bytes of a file, or of all files in a directory. */
export function bytesBelow(path: string): number {
  const stat = lstatSync(path);
  return stat.isDirectory() ? treeWork(path).bytes : stat.size;
}
