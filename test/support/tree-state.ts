import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Everything about a tree that a reader must not change: bytes, modes, owners, times (but atime), inodes. */
export function treeState(root: string): string[] {
  const lines: string[] = [];
  // Names are bytes; as latin1 they all are text.
  const top = Buffer.from(root).toString('latin1');
  const visit = (path: string): void => {
    const full = Buffer.from(path === '' ? top : `${top}/${path}`, 'latin1');
    const stat = lstatSync(full, { bigint: true });
    const what = stat.isFile() ? sha256(readFileSync(full)) : stat.isSymbolicLink() ? readlinkSync(full, 'latin1') : '';
    const { mode, uid, gid, ino, nlink, mtimeNs, ctimeNs } = stat;
    lines.push([path, mode, uid, gid, ino, nlink, mtimeNs, ctimeNs, what].join(' '));
    if (!stat.isDirectory()) return;
    for (const name of readdirSync(full, 'latin1').sort()) visit(path === '' ? name : `${path}/${name}`);
  };
  visit('');
  return lines;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
