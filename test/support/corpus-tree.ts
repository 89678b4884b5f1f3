import { createHash } from 'node:crypto';
import { type BigIntStats, lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { check } from '../../src/system/errno.ts';
import type { System } from '../../src/system/system.ts';
import { corpusFile } from './corpus.ts';

/** A line of an expected tree of the corpus. */
interface Columns {
  type: string;
  mode: string;
  uid: string;
  gid: string;
  size: string;
  mtime: string;
  linkOf: string;
  xattrs: string;
  content: string;
  path: string;
}

/** What is compared of a tree: an ordinary user gives no files away, and not every file system takes attributes. */
export interface Compared {
  owners: boolean;
  xattrs: boolean;
}

/** Whether the temporary directory takes the attributes that layers carry. */
export function takesXattrs(system: System): boolean {
  const path = mkdtempSync(join(tmpdir(), 'layermill-xattrs-'));
  const dir = check(system.openRoot(Buffer.from(path).toString('latin1')), 'open', path);
  try {
    return system.setXattr(dir, '', 'user.try', Buffer.from('y')) === 0;
  } finally {
    system.closeDir(dir);
    rmdirSync(path);
  }
}

/** The lines of an expected tree, as far as they are compared, by path. */
export function expectedTree(file: string, compared: Compared): string[] {
  const [head, ...lines] = readFileSync(corpusFile(file), 'utf8').trimEnd().split('\n');
  if (head === undefined) throw new Error(`${file} is empty`);
  const columns = lines.map((line): Columns => {
    const [type, mode, uid, gid, size, mtime, linkOf, xattrs, content, path] = line.split('\t') as Ten;
    return { type, mode, uid, gid, size, mtime, linkOf, xattrs, content, path };
  });
  return linesOf(columns, compared);
}

type Ten = [string, string, string, string, string, string, string, string, string, string];

/** The same of a directory. */
export function treeOf(system: System, root: string, compared: Compared): string[] {
  const firstNames = new Map<bigint, string>();
  const columns: Columns[] = [];
  const visit = (below: string): void => {
    for (const name of readdirSync(join(root, below)).sort()) {
      const path = join(below, name);
      const full = join(root, path);
      const stat = lstatSync(full, { bigint: true });
      const linkOf = stat.isDirectory() ? undefined : firstNames.get(stat.ino);
      if (linkOf === undefined) firstNames.set(stat.ino, path);
      columns.push({ ...columnsOf(stat, full), linkOf: linkOf ?? '', xattrs: xattrsOf(system, full), path });
      if (stat.isDirectory()) visit(path);
    }
  };
  visit('');
  return linesOf(columns, compared);
}

function columnsOf(stat: BigIntStats, path: string): Omit<Columns, 'linkOf' | 'xattrs' | 'path'> {
  return {
    ...typeAndContent(stat, path),
    mode: (stat.mode & 0o7777n).toString(8).padStart(4, '0'),
    uid: String(stat.uid),
    gid: String(stat.gid),
    size: String(stat.size),
    mtime: String(stat.mtimeNs / 1_000_000_000n),
  };
}

function typeAndContent(stat: BigIntStats, path: string): { type: string; content: string } {
  if (stat.isDirectory()) return { type: 'd', content: '' };
  if (stat.isSymbolicLink()) return { type: 'l', content: readlinkSync(path) };
  if (!stat.isFile()) return { type: 'other', content: '' };
  return { type: 'f', content: createHash('sha256').update(readFileSync(path)).digest('hex') };
}

/** `name=hex`, several with commas between them. */
function xattrsOf(system: System, path: string): string {
  const dir = check(system.openRoot(Buffer.from(dirname(path)).toString('latin1')), 'open', path);
  const name = Buffer.from(basename(path)).toString('latin1');
  try {
    const keys = system.listXattrs(dir, name);
    if (typeof keys === 'number') return '';
    return keys
      .sort()
      .map((key) => `${key}=${(system.getXattr(dir, name, key) as Buffer).toString('hex')}`)
      .join(',');
  } finally {
    system.closeDir(dir);
  }
}

/** Few layers name the time of a directory, its size is the file system's own, and the mode of a link means nothing. */
function linesOf(columns: readonly Columns[], { owners, xattrs }: Compared): string[] {
  return columns
    .map(({ type, path, ...rest }) => [
      path,
      type,
      type === 'l' ? '' : rest.mode,
      ...(owners ? [rest.uid, rest.gid] : []),
      type === 'f' ? rest.size : '',
      type === 'd' ? '' : rest.mtime,
      rest.linkOf,
      ...(xattrs ? [rest.xattrs] : []),
      rest.content,
    ])
    .map((fields) => fields.join('\t'))
    .sort();
}
