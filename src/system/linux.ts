import { readlinkSync } from 'node:fs';
import { errnoName } from './errno.ts';
import { linuxAttributes } from './linux-attributes.ts';
import { type LinuxCalls, loadLinuxCalls, unsupported } from './linux-calls.ts';
import { linuxFileSystems } from './linux-file-systems.ts';
import { linuxFiles } from './linux-files.ts';
import { linuxNodes } from './linux-nodes.ts';
import { linuxXattrs } from './linux-xattrs.ts';
import type { ResumableSha256 } from './resumable-sha256.ts';
import type { System } from './system.ts';

/** Gives this thread its own working directory, root and umask. */
const CLONE_FS = 0x200;

/**
 * System by direct calls: the kernel keeps every path below its root (openat2), names are bytes, times have
 * nanoseconds. For one thread: its buffers are used again by every call. Throws UNSUPPORTED_PLATFORM on another
 * system, without koffi or /proc, and where the kernel or a seccomp filter refuses openat2.
 */
export function openLinuxSystem(): System {
  const calls = loadLinuxCalls();
  const system = linuxSystem(calls);
  probe(system);
  return system;
}

function linuxSystem(calls: LinuxCalls): System {
  let exactModes = false;
  let sha256: ResumableSha256 | null | undefined;
  return {
    kind: 'linux',
    get sha256() {
      if (sha256 === undefined) sha256 = calls.sha256();
      return sha256;
    },
    get exactModes() {
      return exactModes;
    },
    privateUmask() {
      if (calls.unshare(CLONE_FS) < 0) return;
      calls.umask(0);
      exactModes = true;
    },
    ...linuxFiles(calls),
    ...linuxNodes(calls),
    ...linuxAttributes(calls),
    ...linuxXattrs(calls),
    ...linuxFileSystems(calls),
  };
}

/** One real call of the kinds that may be missing: an old kernel says ENOSYS, a filter EPERM. */
function probe(system: System): void {
  const root = system.openRoot('/');
  if (typeof root === 'number') throw unsupported(`open of / failed with ${errnoName(root)}`);
  try {
    const inside = system.openDir(root, '', 'follow');
    if (typeof inside === 'number') throw unsupported(`openat2 failed with ${errnoName(inside)}`);
    system.closeDir(inside);
    const stat = system.lstat(root, '');
    if (typeof stat === 'number') throw unsupported(`statx failed with ${errnoName(stat)}`);
    readlinkSync(`/proc/self/fd/${root.fd}`);
  } catch (error) {
    throw error instanceof Error && 'code' in error && error.code === 'UNSUPPORTED_PLATFORM'
      ? error
      : unsupported('/proc is not mounted', error);
  } finally {
    system.closeDir(root);
  }
}
