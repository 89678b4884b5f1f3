import { EINVAL, ENAMETOOLONG } from './errno.ts';
import type { LinuxCalls } from './linux-calls.ts';
import { AT_REMOVEDIR } from './linux-constants.ts';
import { nameBuffer } from './name-buffer.ts';
import type { Bytes, Dir, System } from './system.ts';

/** One more than the longest link target the kernel keeps (4095). */
const TARGET_SIZE = 4096;

type Nodes = Pick<System, 'mkdir' | 'symlink' | 'link' | 'mknod' | 'unlink' | 'rmdir' | 'rename' | 'readLink'>;

/** Making, renaming and removing of names in directories. */
export function linuxNodes(calls: LinuxCalls): Nodes {
  const names = nameBuffer();
  const others = nameBuffer();
  const target = Buffer.alloc(TARGET_SIZE);

  const pair = (from: Bytes, to: Bytes, call: (from: Buffer, to: Buffer) => number): number => {
    const first = names.setComponent(from);
    const second = others.setComponent(to);
    return first === null || second === null ? -EINVAL : call(first, second);
  };
  const remove = (dir: Dir, name: Bytes, flags: number): number => {
    const bytes = names.setComponent(name);
    return bytes === null ? -EINVAL : calls.unlinkat(dir.fd, bytes, flags);
  };

  return {
    mkdir(dir, name, mode) {
      const bytes = names.setComponent(name);
      return bytes === null ? -EINVAL : calls.mkdirat(dir.fd, bytes, mode & 0o7777);
    },
    symlink(to, dir, name) {
      const bytes = names.setComponent(name);
      const text = others.set(to);
      return bytes === null || text === null ? -EINVAL : calls.symlinkat(text, dir.fd, bytes);
    },
    link: (fromDir, from, toDir, to) =>
      pair(from, to, (first, second) => calls.linkat(fromDir.fd, first, toDir.fd, second, 0)),
    mknod(dir, name, mode, major, minor) {
      const bytes = names.setComponent(name);
      const device = deviceNumber(major, minor);
      return bytes === null || device < 0 ? -EINVAL : calls.mknodat(dir.fd, bytes, mode, device);
    },
    unlink: (dir, name) => remove(dir, name, 0),
    rmdir: (dir, name) => remove(dir, name, AT_REMOVEDIR),
    rename: (fromDir, from, toDir, to) =>
      pair(from, to, (first, second) => calls.renameat(fromDir.fd, first, toDir.fd, second)),
    readLink(dir, name) {
      const bytes = names.setComponent(name);
      if (bytes === null) return -EINVAL;
      const length = calls.readlinkat(dir.fd, bytes, target, TARGET_SIZE);
      if (length < 0) return length;
      return length === TARGET_SIZE ? -ENAMETOOLONG : target.toString('latin1', 0, length);
    },
  };
}

/** A C library's dev_t. The kernel keeps 12 bits of major and 20 of minor; -1 for what does not fit, never a wrap. */
function deviceNumber(major: number, minor: number): number {
  const fits = Number.isInteger(major) && Number.isInteger(minor) && major >= 0 && minor >= 0;
  if (!fits || major > 0xfff || minor > 0xfffff) return -1;
  return (((minor & 0xfff00) << 12) | (major << 8) | (minor & 0xff)) >>> 0;
}
