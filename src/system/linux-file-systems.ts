import { closeSync, constants, openSync } from 'node:fs';
import type { LinuxCalls } from './linux-calls.ts';
import type { System } from './system.ts';
import { viaFs } from './via-fs.ts';

const LOCK_NB = 4;
const LOCK = { shared: 1 | LOCK_NB, exclusive: 2 | LOCK_NB, none: 8 } as const;

/** Mount options that are flags of the call; every other one is the file system's own. */
const MOUNT_FLAGS: ReadonlyMap<string, number> = new Map([
  ['ro', 0x01],
  ['nosuid', 0x02],
  ['nodev', 0x04],
  ['noexec', 0x08],
]);
/** The target itself, should it be a link. */
const UMOUNT_NOFOLLOW = 8;

type FileSystems = Pick<System, 'syncFileSystem' | 'lock' | 'mount' | 'unmount'>;

/** Whole file systems, and locks. */
export function linuxFileSystems(calls: LinuxCalls): FileSystems {
  return {
    async syncFileSystem(path) {
      const fd = viaFs(() => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
      if (fd < 0) return fd;
      try {
        return await calls.syncfs(fd);
      } finally {
        closeSync(fd);
      }
    },
    lock: (fd, mode) => calls.flock(fd, LOCK[mode]),
    mount(type, source, target, options) {
      const words = options.split(',');
      const flags = words.reduce((sum, word) => sum | (MOUNT_FLAGS.get(word) ?? 0), 0);
      const data = words.filter((word) => !MOUNT_FLAGS.has(word)).join(',');
      return calls.mount(source, target, type, flags, data);
    },
    unmount: (target) => calls.umount2(target, UMOUNT_NOFOLLOW),
  };
}
