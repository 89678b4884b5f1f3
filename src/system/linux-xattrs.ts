import { EINVAL } from './errno.ts';
import type { LinuxCalls } from './linux-calls.ts';
import { isComponent, nameBuffer } from './name-buffer.ts';
import type { Bytes, Dir, System } from './system.ts';

/** The kernel's bound for one value and for the list of keys (XATTR_SIZE_MAX, XATTR_LIST_MAX). */
const LARGEST = 64 * 1024;

type Xattrs = Pick<System, 'setXattr' | 'getXattr' | 'removeXattr' | 'listXattrs'>;

/**
 * Extended attributes. Their calls take no directory before Linux 6.13, so the open one is named through /proc. Of a
 * directory itself that name is a link to follow; of what lies in it the last step is not followed.
 */
export function linuxXattrs(calls: LinuxCalls): Xattrs {
  const paths = nameBuffer();
  const keys = nameBuffer();
  const result = Buffer.alloc(LARGEST);

  const pathOf = (dir: Dir, name: Bytes): Buffer | null => {
    if (name === '') return paths.set(`/proc/self/fd/${dir.fd}`);
    return isComponent(name) ? paths.set(`/proc/self/fd/${dir.fd}/${name}`) : null;
  };

  return {
    setXattr(dir, name, key, value) {
      const path = pathOf(dir, name);
      const keyBytes = keys.set(key);
      if (path === null || keyBytes === null) return -EINVAL;
      const set = name === '' ? calls.setxattr : calls.lsetxattr;
      return set(path, keyBytes, value, value.byteLength, 0);
    },
    getXattr(dir, name, key) {
      const path = pathOf(dir, name);
      const keyBytes = keys.set(key);
      if (path === null || keyBytes === null) return -EINVAL;
      const get = name === '' ? calls.getxattr : calls.lgetxattr;
      const size = get(path, keyBytes, result, LARGEST);
      return size < 0 ? size : Buffer.from(result.subarray(0, size));
    },
    removeXattr(dir, name, key) {
      const path = pathOf(dir, name);
      const keyBytes = keys.set(key);
      if (path === null || keyBytes === null) return -EINVAL;
      return name === '' ? calls.removexattr(path, keyBytes) : calls.lremovexattr(path, keyBytes);
    },
    listXattrs(dir, name) {
      const path = pathOf(dir, name);
      if (path === null) return -EINVAL;
      const list = name === '' ? calls.listxattr : calls.llistxattr;
      const size = list(path, result, LARGEST);
      if (size < 0) return size;
      return result.toString('latin1', 0, size).split('\0').slice(0, -1);
    },
  };
}
