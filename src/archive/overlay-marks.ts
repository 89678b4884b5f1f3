import { type Bytes, type Dir, S_IFCHR, S_IFMT, type Stat, type System } from '../system/system.ts';

/** How overlayfs spells "nothing here": a character device 0:0. */
export function isOverlayWhiteout(stat: Stat): boolean {
  return (stat.mode & S_IFMT) === S_IFCHR && stat.rdevMajor === 0 && stat.rdevMinor === 0;
}

const TRUSTED_OPAQUE = 'trusted.overlay.opaque';
const USER_OPAQUE = 'user.overlay.opaque';

const YES: Buffer = Buffer.from('y');

/** Hides what the layers below have in a directory; only root may write `trusted.*`, the kernel reads either (userxattr). */
export function markOpaque(system: System, dir: Dir, name: Bytes, privileged: boolean): number {
  return system.setXattr(dir, name, privileged ? TRUSTED_OPAQUE : USER_OPAQUE, YES);
}

export function isOpaque(system: System, dir: Dir, name: Bytes): boolean {
  for (const key of [TRUSTED_OPAQUE, USER_OPAQUE]) {
    const value = system.getXattr(dir, name, key);
    if (typeof value !== 'number' && value.equals(YES)) return true;
  }
  return false;
}

export function makeWhiteout(system: System, dir: Dir, name: Bytes): number {
  return system.mknod(dir, name, S_IFCHR, 0, 0);
}

/** Attributes of the overlay machinery itself: never part of a layer, never taken from one. */
export function isOverlayXattr(key: Bytes): boolean {
  return key.startsWith('trusted.overlay.') || key.startsWith('user.overlay.');
}
