import { constants, readdirSync, readlinkSync } from 'node:fs';
import { EAGAIN, EINVAL, EIO, ENOENT, ENXIO, EPERM, EXDEV } from './errno.ts';
import type { LinuxCalls } from './linux-calls.ts';
import { AT_FDCWD, O_CLOEXEC, O_PATH } from './linux-constants.ts';
import { linuxStat } from './linux-stat.ts';
import { nameBuffer } from './name-buffer.ts';
import { type Bytes, type Dir, S_IFMT, S_IFREG, type System } from './system.ts';
import { viaFs } from './via-fs.ts';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOATIME, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_NO_SYMLINKS = 0x04;
const RESOLVE_BENEATH = 0x08;
const RESOLVE_IN_ROOT = 0x10;

const FOLLOW = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
const REFUSE = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

/** The kernel says EAGAIN when a rename anywhere may have moved a `..` under it: again soon succeeds. */
const RESOLVE_TRIES = 32;

type Files = Pick<
  System,
  | 'openRoot'
  | 'openDir'
  | 'closeDir'
  | 'pathBelow'
  | 'createFile'
  | 'openFile'
  | 'write'
  | 'truncate'
  | 'close'
  | 'readDir'
>;

/** Opening, reading and writing of directories and files. */
export function linuxFiles(calls: LinuxCalls): Files {
  const names = nameBuffer();
  const stat = linuxStat(calls);
  const asDirectory = O_PATH | O_DIRECTORY | O_CLOEXEC;
  const howFollow = openHow(asDirectory, FOLLOW);
  const howRefuse = openHow(asDirectory, REFUSE);
  const asFile = O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC;
  // Reading leaves no trace in a file's times, as long as this user may ask for that.
  let howFile = openHow(asFile | O_NOATIME, REFUSE);

  const resolve = (root: Dir, path: Bytes, how: Buffer): number => {
    const name = names.set(path === '' ? '.' : path);
    if (name === null) return -EINVAL;
    let fd = -EAGAIN;
    for (let tries = 0; fd === -EAGAIN && tries < RESOLVE_TRIES; tries++) fd = calls.openat2(root.fd, name, how);
    return fd;
  };

  return {
    openRoot(path) {
      const name = names.set(path);
      if (name === null) return -EINVAL;
      const fd = calls.openat(AT_FDCWD, name, asDirectory | O_NOFOLLOW, 0);
      return fd < 0 ? fd : { fd, path };
    },
    openDir(root, path, links) {
      const fd = resolve(root, path, links === 'follow' ? howFollow : howRefuse);
      return fd < 0 ? fd : { fd, path: path === '' ? root.path : `${root.path}/${path}` };
    },
    closeDir(dir) {
      calls.close(dir.fd);
    },
    pathBelow(root, dir) {
      const found = stat(dir.fd, '');
      if (typeof found === 'number') return found;
      // the kernel would give the path of a removed directory with a remark behind it
      if (found.nlink === 0) return -ENOENT;
      const base = whereIs(root.fd);
      const path = whereIs(dir.fd);
      return typeof base === 'number' ? base : typeof path === 'number' ? path : below(base, path);
    },
    createFile(dir, name, mode) {
      const bytes = names.setComponent(name);
      if (bytes === null) return -EINVAL;
      return calls.openat(dir.fd, bytes, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 0o7777);
    },
    openFile(root, path) {
      let fd = resolve(root, path, howFile);
      if (fd === -EPERM) {
        howFile = openHow(asFile, REFUSE);
        fd = resolve(root, path, howFile);
      }
      if (fd < 0) return fd === -ENXIO ? -EINVAL : fd;
      const found = stat(fd, '');
      if (typeof found !== 'number' && (found.mode & S_IFMT) === S_IFREG) return fd;
      calls.close(fd);
      return typeof found === 'number' ? found : -EINVAL;
    },
    write(fd, chunk, start, end) {
      for (let at = start; at < end;) {
        const bytes = at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end);
        const written = calls.write(fd, bytes, end - at);
        if (written < 0) return written;
        if (written === 0) return -EIO;
        at += written;
      }
      return end - start;
    },
    truncate: (fd, size) => calls.ftruncate(fd, size),
    close: (fd) => calls.close(fd),
    readDir: (dir) => viaFs(() => readdirSync(`/proc/self/fd/${dir.fd}`, { encoding: 'latin1' })),
  };
}

/** A struct open_how: flags, mode and resolve, 64 bits each. */
function openHow(flags: number, resolve: number): Buffer {
  const how = Buffer.alloc(24);
  how.writeUInt32LE(flags, 0);
  how.writeUInt32LE(resolve, 16);
  return how;
}

function whereIs(fd: number): Bytes | number {
  return viaFs(() => readlinkSync(`/proc/self/fd/${fd}`, { encoding: 'latin1' }));
}

function below(base: Bytes, path: Bytes): Bytes | number {
  if (path === base) return '';
  const prefix = base === '/' ? base : `${base}/`;
  return path.startsWith(prefix) ? path.slice(prefix.length) : -EXDEV;
}
