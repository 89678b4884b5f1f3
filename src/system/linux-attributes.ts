import { constants } from 'node:fs';
import { EINVAL, EOPNOTSUPP } from './errno.ts';
import type { LinuxCalls } from './linux-calls.ts';
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_CLOEXEC, O_PATH } from './linux-constants.ts';
import { linuxStat } from './linux-stat.ts';
import { nameBuffer } from './name-buffer.ts';
import { type Bytes, type Dir, S_IFLNK, S_IFMT, type System } from './system.ts';

type Attributes = Pick<
  System,
  'setFileTimes' | 'setTimes' | 'setFileMode' | 'setMode' | 'setFileOwner' | 'setOwner' | 'lstat'
>;

/** Times, modes, owners and stat; `''` is the directory itself. */
export function linuxAttributes(calls: LinuxCalls): Attributes {
  const names = nameBuffer();
  const stat = linuxStat(calls);
  /** atime and mtime as two struct timespec of 64-bit words, low half first. */
  const times = new Int32Array(8);

  const fillTimes = (sec: number, nsec: number): boolean => {
    if (!Number.isSafeInteger(sec) || !Number.isInteger(nsec) || nsec < 0 || nsec > 999_999_999) return false;
    times[0] = times[4] = sec;
    times[1] = times[5] = Math.floor(sec / 2 ** 32);
    times[2] = times[6] = nsec;
    return true;
  };
  const chmodOpened = (fd: number, mode: number): number => {
    const found = stat(fd, '');
    if (typeof found === 'number') return found;
    // some kernels would change the mode of the link itself, which nothing reads and no tar can say
    if ((found.mode & S_IFMT) === S_IFLNK) return -EOPNOTSUPP;
    const path = names.set(`/proc/self/fd/${fd}`);
    return path === null ? -EINVAL : calls.fchmodat(AT_FDCWD, path, mode & 0o7777, 0);
  };
  /** An O_PATH descriptor of the inode itself: fchmodat has no way not to follow before Linux 6.6. */
  const chmodNamed = (dir: Dir, name: Bytes, mode: number): number => {
    const bytes = names.setComponent(name);
    if (bytes === null) return -EINVAL;
    const fd = calls.openat(dir.fd, bytes, O_PATH | constants.O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0) return fd;
    const result = chmodOpened(fd, mode);
    calls.close(fd);
    return result;
  };

  return {
    setFileTimes: (fd, sec, nsec) => (fillTimes(sec, nsec) ? calls.futimens(fd, times) : -EINVAL),
    setTimes(dir, name, sec, nsec) {
      const itself = name === '';
      const bytes = itself ? names.set(`/proc/self/fd/${dir.fd}`) : names.setComponent(name);
      if (bytes === null || !fillTimes(sec, nsec)) return -EINVAL;
      return calls.utimensat(itself ? AT_FDCWD : dir.fd, bytes, times, itself ? 0 : AT_SYMLINK_NOFOLLOW);
    },
    setFileMode: (fd, mode) => calls.fchmod(fd, mode & 0o7777),
    setMode: (dir, name, mode) => (name === '' ? chmodOpened(dir.fd, mode) : chmodNamed(dir, name, mode)),
    setFileOwner: (fd, uid, gid) => calls.fchown(fd, uid, gid),
    setOwner(dir, name, uid, gid) {
      const bytes = name === '' ? names.set(name) : names.setComponent(name);
      if (bytes === null) return -EINVAL;
      return calls.fchownat(dir.fd, bytes, uid, gid, AT_SYMLINK_NOFOLLOW | (name === '' ? AT_EMPTY_PATH : 0));
    },
    lstat: (dir, name) => stat(dir.fd, name),
  };
}
