import { EOPNOTSUPP, EPERM, check, errnoName } from '../system/errno.ts';
import type { Bytes, System } from '../system/system.ts';
import type { OpenDir } from './open-dirs.ts';
import { isOverlayXattr } from './overlay-marks.ts';
import { join } from './paths.ts';
import { shownName } from './shown-name.ts';
import type { TarEntry } from './tar-entry.ts';

/** How attributes are put on what an entry made. */
export interface AttributePolicy {
  /** Owners, devices and privileged attributes can be set. */
  privileged: boolean;
  /**
   * Without privilege, what is written must stay readable and writable by us: files at least u+rw, directories u+rwx.
   * The true values are in the record.
   */
  keepAccess: boolean;
  warn(code: string, message: string, entry: string): void;
}

const S_IRWXU = 0o700;
const S_IRUSR_IWUSR = 0o600;

/** The permission bits that an entry's file or directory gets on disk. */
export function modeOnDisk(entry: TarEntry, policy: AttributePolicy): number {
  if (policy.privileged || !policy.keepAccess) return entry.mode;
  return entry.mode | (entry.type === 'dir' ? S_IRWXU : S_IRUSR_IWUSR);
}

/** The mode that lets us fill a directory or file that nobody may enter or read in the end. */
export function modeWhileWriting(entry: TarEntry, policy: AttributePolicy): number {
  if (policy.privileged) return entry.mode;
  return entry.mode | (entry.type === 'dir' ? S_IRWXU : S_IRUSR_IWUSR);
}

/** Sets the owner of what an entry made, when it is not right already: what root makes is 0:0 unless the directory says otherwise. */
export function ownerDiffers(entry: TarEntry, parent: OpenDir, policy: AttributePolicy): boolean {
  return policy.privileged && (entry.uid !== 0 || entry.gid !== 0 || parent.setgid);
}

/**
 * Sets the extended attributes of an entry. What a file system or an ordinary user cannot hold is warned about and kept
 * in the record only; attributes of the overlay machinery never reach the tree, they would change what is below.
 */
export function setXattrs(
  system: System,
  entry: TarEntry,
  parent: OpenDir,
  name: Bytes,
  policy: AttributePolicy,
): void {
  if (entry.xattrs === null) return;
  for (const [key, value] of entry.xattrs) {
    if (isOverlayXattr(key)) {
      policy.warn(
        'XATTR_IGNORED',
        `attribute ${shownName(key)} belongs to the overlay file system`,
        shownName(entry.name),
      );
      continue;
    }
    const result = system.setXattr(parent.dir, name, key, value);
    if (result >= 0) continue;
    if (!mayFail(result)) check(result, `setxattr ${shownName(key)}`, join(parent.path, name));
    const message = `attribute ${shownName(key)} could not be set (${errnoName(result)}); it is kept in the record`;
    policy.warn('XATTR_NOT_SET', message, shownName(entry.name));
  }
}

/** Removes every extended attribute that a directory of the layers below has: an entry replaces them all. */
export function clearXattrs(system: System, parent: OpenDir, name: Bytes): void {
  const keys = system.listXattrs(parent.dir, name);
  if (typeof keys === 'number') return;
  for (const key of keys) if (!isOverlayXattr(key)) system.removeXattr(parent.dir, name, key);
}

function mayFail(result: number): boolean {
  return result === -EPERM || result === -EOPNOTSUPP;
}
