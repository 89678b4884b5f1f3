import fs from 'node:fs';
import { EINVAL, EIO, ENOTDIR, ENXIO, EOPNOTSUPP, EXDEV } from './errno.ts';
import { isComponent } from './name-buffer.ts';
import { type PortableDirs, portableDirs } from './portable-dirs.ts';
import { bytesOf, join, resolveBelow, statPath } from './portable-path.ts';
import { type Bytes, type Dir, S_IFDIR, S_IFLNK, S_IFMT, type System } from './system.ts';
import { doneViaFs, viaFs } from './via-fs.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = fs.constants;

/** Elsewhere link(2) may make a second name for what a symlink leads to, outside of the root perhaps. */
const LINK_FOLLOWS = process.platform !== 'linux';

/**
 * System with node:fs alone: paths are walked component by component. Another process that changes the tree at the
 * same time can still win a race; only the direct calls close it. Times keep about a microsecond; modes depend on the
 * umask; there are no devices, extended attributes, locks, mounts and syncs of a file system (-EOPNOTSUPP).
 */
export function openPortableSystem(): System {
  const dirs = portableDirs();
  const unsupported = (): number => -EOPNOTSUPP;
  return {
    kind: 'portable',
    exactModes: false,
    sha256: null,
    // node can only change the umask of the whole process
    privateUmask() {},
    ...directories(dirs),
    ...files(dirs),
    ...nodes(dirs),
    ...attributes(dirs),
    mknod: unsupported,
    setXattr: unsupported,
    getXattr: unsupported,
    removeXattr: unsupported,
    listXattrs: unsupported,
    syncFileSystem: () => Promise.resolve(unsupported()),
    lock: unsupported,
    mount: unsupported,
    unmount: unsupported,
  };
}

function directories(dirs: PortableDirs): Pick<System, 'openRoot' | 'openDir' | 'closeDir' | 'pathBelow' | 'readDir'> {
  return {
    openRoot(path) {
      const found = statPath(path);
      if (typeof found === 'number') return found;
      if ((found.mode & S_IFMT) !== S_IFDIR) return -ENOTDIR;
      const real = viaFs(() => fs.realpathSync(bytesOf(path), { encoding: 'latin1' }));
      return typeof real === 'number' ? real : dirs.open(real);
    },
    openDir(root, path, links) {
      const base = dirs.place(root, '');
      if (typeof base === 'number') return base;
      const found = resolveBelow(base, path, links);
      return typeof found === 'number' ? found : dirs.open(found);
    },
    closeDir: (dir) => dirs.close(dir),
    pathBelow(root, dir) {
      const path = dirs.place(dir, '');
      if (typeof path === 'number' || path === root.path) return typeof path === 'number' ? path : '';
      const prefix = join(root.path, '');
      return path.startsWith(prefix) ? path.slice(prefix.length) : -EXDEV;
    },
    readDir: (dir) => at(dirs, dir, '', (path) => viaFs(() => fs.readdirSync(path, { encoding: 'latin1' }))),
  };
}

function files(dirs: PortableDirs): Pick<System, 'createFile' | 'openFile' | 'write' | 'truncate' | 'close'> {
  return {
    createFile: (dir, name, mode) =>
      at(dirs, dir, name, (path) =>
        name === '' ? -EINVAL : viaFs(() => fs.openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode & 0o7777)),
      ),
    openFile(root, path) {
      const slash = path.lastIndexOf('/');
      const name = path.slice(slash + 1);
      const base = dirs.place(root, '');
      if (typeof base === 'number') return base;
      const parent = resolveBelow(base, path.slice(0, Math.max(slash, 0)), 'refuse');
      if (typeof parent === 'number') return parent;
      return isComponent(name) ? openRegular(join(parent, name)) : -EINVAL;
    },
    write(fd, chunk, start, end) {
      for (let from = start; from < end;) {
        const written = viaFs(() => fs.writeSync(fd, chunk, from, end - from));
        if (written <= 0) return written === 0 ? -EIO : written;
        from += written;
      }
      return end - start;
    },
    truncate: (fd, size) => doneViaFs(() => fs.ftruncateSync(fd, size)),
    close: (fd) => doneViaFs(() => fs.closeSync(fd)),
  };
}

function openRegular(path: Bytes): number {
  const fd = viaFs(() => fs.openSync(bytesOf(path), O_RDONLY | O_NONBLOCK | O_NOFOLLOW));
  if (fd < 0) return fd === -ENXIO ? -EINVAL : fd;
  const found = viaFs(() => fs.fstatSync(fd));
  if (typeof found !== 'number' && found.isFile()) return fd;
  fs.closeSync(fd);
  return typeof found === 'number' ? found : -EINVAL;
}

function nodes(
  dirs: PortableDirs,
): Pick<System, 'mkdir' | 'symlink' | 'link' | 'unlink' | 'rmdir' | 'rename' | 'readLink'> {
  const child = (dir: Dir, name: Bytes, call: (path: Buffer) => void): number =>
    at(dirs, dir, name, (path) => (name === '' ? -EINVAL : doneViaFs(() => call(path))));
  const isLink = (dir: Dir, name: Bytes): boolean => {
    const place = dirs.place(dir, name);
    const found = typeof place === 'number' ? place : statPath(place);
    return typeof found !== 'number' && (found.mode & S_IFMT) === S_IFLNK;
  };
  return {
    mkdir: (dir, name, mode) => child(dir, name, (path) => fs.mkdirSync(path, { mode: mode & 0o7777 })),
    symlink: (target, dir, name) =>
      target.includes('\0') ? -EINVAL : child(dir, name, (path) => fs.symlinkSync(bytesOf(target), path)),
    link: (fromDir, from, toDir, to) =>
      at(dirs, fromDir, from, (source) =>
        LINK_FOLLOWS && isLink(fromDir, from) ? -EOPNOTSUPP : child(toDir, to, (path) => fs.linkSync(source, path)),
      ),
    unlink: (dir, name) => child(dir, name, (path) => fs.unlinkSync(path)),
    rmdir: (dir, name) => child(dir, name, (path) => fs.rmdirSync(path)),
    rename: (fromDir, from, toDir, to) =>
      at(dirs, fromDir, from, (source) => child(toDir, to, (path) => fs.renameSync(source, path))),
    readLink: (dir, name) => at(dirs, dir, name, (path) => viaFs(() => fs.readlinkSync(path, { encoding: 'latin1' }))),
  };
}

type Attributes = Pick<
  System,
  'setFileTimes' | 'setTimes' | 'setFileMode' | 'setMode' | 'setFileOwner' | 'setOwner' | 'lstat'
>;

function attributes(dirs: PortableDirs): Attributes {
  const change = (dir: Dir, name: Bytes, call: (path: Buffer) => void): number =>
    at(dirs, dir, name, (path) => doneViaFs(() => call(path)));
  return {
    setFileTimes(fd, sec, nsec) {
      const time = timeText(sec, nsec);
      return doneViaFs(() => fs.futimesSync(fd, time, time));
    },
    setTimes(dir, name, sec, nsec) {
      const time = timeText(sec, nsec);
      return change(dir, name, (path) => fs.lutimesSync(path, time, time));
    },
    setFileMode: (fd, mode) => doneViaFs(() => fs.fchmodSync(fd, mode & 0o7777)),
    setMode(dir, name, mode) {
      const place = dirs.place(dir, name);
      if (typeof place === 'number') return place;
      const found = statPath(place);
      if (typeof found === 'number') return found;
      if ((found.mode & S_IFMT) === S_IFLNK) return -EOPNOTSUPP;
      return doneViaFs(() => fs.chmodSync(bytesOf(place), mode & 0o7777));
    },
    setFileOwner: (fd, uid, gid) => doneViaFs(() => fs.fchownSync(fd, uid, gid)),
    setOwner: (dir, name, uid, gid) => change(dir, name, (path) => fs.lchownSync(path, uid, gid)),
    lstat(dir, name) {
      const place = dirs.place(dir, name);
      return typeof place === 'number' ? place : statPath(place);
    },
  };
}

/** Seconds as text: for a negative number node takes the present time. */
function timeText(sec: number, nsec: number): string {
  return String(sec + nsec / 1e9);
}

/** Calls with the path of `name` in `dir`, or answers why there is none. */
function at<Result>(
  dirs: PortableDirs,
  dir: Dir,
  name: Bytes,
  call: (path: Buffer) => Result | number,
): Result | number {
  const place = dirs.place(dir, name);
  return typeof place === 'number' ? place : call(bytesOf(place));
}
