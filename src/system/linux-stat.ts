import { EINVAL } from './errno.ts';
import type { LinuxCalls } from './linux-calls.ts';
import { AT_EMPTY_PATH, AT_NO_AUTOMOUNT, AT_SYMLINK_NOFOLLOW } from './linux-constants.ts';
import { nameBuffer } from './name-buffer.ts';
import type { Bytes, Stat } from './system.ts';

const STATX_BASIC_STATS = 0x7ff;
const STATX_SIZE = 256;
const WORD = 2 ** 32;

/** statx into one reused buffer; `''` is the open file or directory itself. */
export function linuxStat(calls: LinuxCalls): (fd: number, name: Bytes) => Stat | number {
  const names = nameBuffer();
  const result = Buffer.alloc(STATX_SIZE);
  return (fd, name) => {
    const bytes = name === '' ? names.set(name) : names.setComponent(name);
    if (bytes === null) return -EINVAL;
    const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (name === '' ? AT_EMPTY_PATH : 0);
    const failure = calls.statx(fd, bytes, flags, STATX_BASIC_STATS, result);
    return failure < 0 ? failure : parseStatx(result);
  };
}

/** The offsets of struct statx in linux/stat.h. */
function parseStatx(raw: Buffer): Stat {
  return {
    mode: raw.readUInt16LE(28),
    uid: raw.readUInt32LE(20),
    gid: raw.readUInt32LE(24),
    size: raw.readUInt32LE(44) * WORD + raw.readUInt32LE(40),
    // in two halves: inode numbers of layered file systems use all 64 bits
    inode: `${raw.readUInt32LE(136)}:${raw.readUInt32LE(140)}:${raw.readUInt32LE(36)}.${raw.readUInt32LE(32)}`,
    nlink: raw.readUInt32LE(16),
    mtimeSec: raw.readInt32LE(116) * WORD + raw.readUInt32LE(112),
    mtimeNsec: raw.readUInt32LE(120),
    rdevMajor: raw.readUInt32LE(128),
    rdevMinor: raw.readUInt32LE(132),
  };
}
