import type { ResumableSha256 } from './resumable-sha256.ts';

/**
 * A string that holds one byte in each char (`latin1`). Names in archives and directories are bytes, not text; as
 * byte strings they compare, split and serve as keys without losing any.
 */
export type Bytes = string;

/** An open directory. `path` is where it was opened, for messages and for the portable implementation. */
export interface Dir {
  readonly fd: number;
  readonly path: Bytes;
}

export interface Stat {
  /** All of `st_mode`: type bits and permission bits. */
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** Device and inode number as one key. */
  inode: string;
  nlink: number;
  mtimeSec: number;
  mtimeNsec: number;
  rdevMajor: number;
  rdevMinor: number;
}

/** The values of `mode & S_IFMT`. */
export const S_IFMT = 0o170000;
export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;
export const S_IFCHR = 0o020000;
export const S_IFBLK = 0o060000;
export const S_IFIFO = 0o010000;
export const S_IFSOCK = 0o140000;

/**
 * The system calls of the hot path, relative to open directories. Every call answers as the kernel does: its result,
 * or a negative errno (`-ENOENT`), never an exception: EEXIST and ENOENT are news here, not failures. `name` is one
 * component; only `openDir` and `openFile` take paths of several. Nothing follows a link unless it says so.
 */
export interface System {
  readonly kind: 'linux' | 'portable';
  /** True once `privateUmask` worked: modes given to `createFile` and `mkdir` are exact. */
  readonly exactModes: boolean;
  /** Null where Node's own OpenSSL is out of reach. */
  readonly sha256: ResumableSha256 | null;

  /** Gives this thread a umask of its own and sets it to 0 (a worker cannot call `process.umask`). */
  privateUmask(): void;

  openRoot(path: Bytes): Dir | number;
  /**
   * Opens the directory `path` below `root`. `follow` resolves links as a process in chroot(root) would (openat2
   * RESOLVE_IN_ROOT); `refuse` answers -ELOOP at the first link. `''` is the root itself.
   */
  openDir(root: Dir, path: Bytes, links: 'follow' | 'refuse'): Dir | number;
  closeDir(dir: Dir): void;
  /** Where `dir` really lies below `root`, links resolved; `''` for the root. */
  pathBelow(root: Dir, dir: Dir): Bytes | number;

  /** A new file, write-only; -EEXIST when anything, a dangling link too, has the name. */
  createFile(dir: Dir, name: Bytes, mode: number): number;
  /** An existing regular file below `root`, read-only, through no link at all (-ELOOP); never blocks on a fifo. */
  openFile(root: Dir, path: Bytes): number;
  write(fd: number, chunk: Uint8Array, start: number, end: number): number;
  truncate(fd: number, size: number): number;
  close(fd: number): number;

  /** Sets atime and mtime. */
  setFileTimes(fd: number, sec: number, nsec: number): number;
  setTimes(dir: Dir, name: Bytes, sec: number, nsec: number): number;
  setFileMode(fd: number, mode: number): number;
  /** -EOPNOTSUPP for a link. */
  setMode(dir: Dir, name: Bytes, mode: number): number;
  setFileOwner(fd: number, uid: number, gid: number): number;
  setOwner(dir: Dir, name: Bytes, uid: number, gid: number): number;

  mkdir(dir: Dir, name: Bytes, mode: number): number;
  symlink(target: Bytes, dir: Dir, name: Bytes): number;
  /** A second name for the inode itself, also when it is a symlink. */
  link(fromDir: Dir, from: Bytes, toDir: Dir, to: Bytes): number;
  /** `mode` holds the type bits; -EOPNOTSUPP where the system has no mknod. */
  mknod(dir: Dir, name: Bytes, mode: number, major: number, minor: number): number;
  unlink(dir: Dir, name: Bytes): number;
  rmdir(dir: Dir, name: Bytes): number;
  rename(fromDir: Dir, from: Bytes, toDir: Dir, to: Bytes): number;

  /** `''` is the directory itself. */
  lstat(dir: Dir, name: Bytes): Stat | number;
  readLink(dir: Dir, name: Bytes): Bytes | number;
  /** The names in a directory, unsorted, without `.` and `..`. */
  readDir(dir: Dir): Bytes[] | number;

  /** Extended attributes of the inode itself, never of a link's target; `''` is the directory itself. */
  setXattr(dir: Dir, name: Bytes, key: Bytes, value: Uint8Array): number;
  getXattr(dir: Dir, name: Bytes, key: Bytes): Buffer | number;
  removeXattr(dir: Dir, name: Bytes, key: Bytes): number;
  listXattrs(dir: Dir, name: Bytes): Bytes[] | number;

  /** Writes everything of the file system that holds `path` to disk, without stopping this thread meanwhile. */
  syncFileSystem(path: string): Promise<number>;
  /** Takes or frees an advisory lock on an open file, at once or not at all (-EAGAIN). */
  lock(fd: number, mode: 'shared' | 'exclusive' | 'none'): number;
  mount(type: string, source: string, target: string, options: string): number;
  unmount(target: string): number;
}

/** What is needed to say more than a number about a failed call: `-2` → `ENOENT`. */
export type ErrnoName = (negative: number) => string;
