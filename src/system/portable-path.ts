import { lstatSync, readlinkSync } from 'node:fs';
import { ELOOP, EXDEV, EINVAL, ENOTDIR } from './errno.ts';
import { type Bytes, S_IFDIR, S_IFLNK, S_IFMT, type Stat } from './system.ts';
import { viaFs } from './via-fs.ts';

/** Links followed in one resolution, all together: enough for any real tree, and a bound for expanding chains. */
const MOST_LINKS = 255;

const BILLION = 1_000_000_000n;

/** `base` and one more component. */
export function join(base: Bytes, name: Bytes): Bytes {
  return base.endsWith('/') ? base + name : `${base}/${name}`;
}

/** The bytes of a path as node:fs takes them, so that names which are not UTF-8 survive. */
export function bytesOf(path: Bytes): Buffer {
  return Buffer.from(path, 'latin1');
}

/** lstat of a whole path. */
export function statPath(path: Bytes): Stat | number {
  const found = viaFs(() => lstatSync(bytesOf(path), { bigint: true }));
  if (typeof found === 'number') return found;
  const nsec = ((found.mtimeNs % BILLION) + BILLION) % BILLION;
  return {
    mode: Number(found.mode),
    uid: Number(found.uid),
    gid: Number(found.gid),
    size: Number(found.size),
    inode: `${found.dev}:${found.ino}`,
    nlink: Number(found.nlink),
    mtimeSec: Number((found.mtimeNs - nsec) / BILLION),
    mtimeNsec: Number(nsec),
    ...deviceNumbers(found.rdev),
  };
}

/** Linux's packing of device numbers; nothing else has reason to look at devices. */
function deviceNumbers(rdev: bigint): { rdevMajor: number; rdevMinor: number } {
  return {
    rdevMajor: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n)),
    rdevMinor: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n)),
  };
}

/**
 * The real path of the directory `path` below `root`, which is a real path itself. `follow` resolves links as a
 * process in chroot(root) would; `refuse` answers -ELOOP at the first link, and -EXDEV for what would leave the root.
 */
export function resolveBelow(root: Bytes, path: Bytes, links: 'follow' | 'refuse'): Bytes | number {
  if (path.includes('\0')) return -EINVAL;
  if (links === 'refuse' && path.startsWith('/')) return -EXDEV;
  const todo = path.split('/').reverse();
  const done: Bytes[] = [];
  let followed = 0;
  for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (done.pop() === undefined && links === 'refuse') return -EXDEV;
      continue;
    }
    const here = join(root, [...done, part].join('/'));
    const found = statPath(here);
    if (typeof found === 'number') return found;
    const type = found.mode & S_IFMT;
    if (type === S_IFDIR) {
      done.push(part);
      continue;
    }
    if (type !== S_IFLNK) return -ENOTDIR;
    if (links === 'refuse' || ++followed > MOST_LINKS) return -ELOOP;
    const target = viaFs(() => readlinkSync(bytesOf(here), { encoding: 'latin1' }));
    if (typeof target === 'number') return target;
    if (target.startsWith('/')) done.length = 0;
    todo.push(...target.split('/').reverse());
  }
  return done.length === 0 ? root : join(root, done.join('/'));
}
