import { readFileSync } from 'node:fs';
import type { LayerMount } from '../archive/layer-mount.ts';
import { type MergedTree, type TreeDir, type TreeEntry, openTree } from '../archive/merged-tree.ts';
import { S_IFCHR, S_IFBLK, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, type System } from '../system/system.ts';

const LETTERS = new Map([
  [S_IFDIR, 'd'],
  [S_IFREG, 'f'],
  [S_IFLNK, 'l'],
  [S_IFIFO, 'p'],
  [S_IFCHR, 'c'],
  [S_IFBLK, 'b'],
]);

/** What a layer and everything below it show, a line an entry, sorted: the same for every driver. */
export function viewTree(system: System, mount: LayerMount): string[] {
  const tree = openTree(system, mount);
  const lines: string[] = [];
  const firstNames = new Map<string, string>();
  const visit = (dir: TreeDir): void => {
    for (const entry of [...tree.list(dir).values()].sort((a, b) => (a.path < b.path ? -1 : 1))) {
      lines.push(line(system, tree, entry, firstNames));
      if (entry.content !== null) visit(entry.content);
    }
  };
  try {
    visit(tree.root);
  } finally {
    tree.close();
  }
  return lines;
}

function line(system: System, tree: MergedTree, entry: TreeEntry, firstNames: Map<string, string>): string {
  const { stat, path } = entry;
  const letter = LETTERS.get(stat.mode & S_IFMT) ?? '?';
  const mode = (stat.mode & 0o7777).toString(8).padStart(4, '0');
  const about = `${path} ${letter} ${letter === 'l' ? '' : mode} ${stat.uid}:${stat.gid} ${stat.mtimeSec}.${stat.mtimeNsec}`;
  const first = firstNames.get(stat.inode);
  if (first !== undefined && letter !== 'd') return `${path} = ${first}`;
  firstNames.set(stat.inode, path);
  if (letter === 'f') return `${about} ${JSON.stringify(content(system, tree, entry))}`;
  if (letter === 'l') return `${about} -> ${tree.readLink(entry)}`;
  return letter === 'c' || letter === 'b' ? `${about} ${stat.rdevMajor}:${stat.rdevMinor}` : about;
}

function content(system: System, tree: MergedTree, entry: TreeEntry): string {
  const fd = tree.openFile(entry);
  if (fd < 0) return `unreadable (${fd})`;
  try {
    return readFileSync(fd, 'latin1');
  } finally {
    system.close(fd);
  }
}
