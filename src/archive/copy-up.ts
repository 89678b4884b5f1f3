import { readSync } from 'node:fs';
import { check } from '../system/errno.ts';
import { type Bytes, type Dir, S_IFLNK, S_IFMT, S_IFREG, type System } from '../system/system.ts';
import type { LowerEntry } from './lower-view.ts';
import { isOverlayXattr } from './overlay-marks.ts';
import { join } from './paths.ts';

const COPY_BYTES = 256 * 1024;

/** Gives `name` the owner, attributes, mode and, but for directories, times of an entry of the layers below. */
export function copyAttributes(system: System, from: LowerEntry, dir: Dir, name: Bytes, privileged: boolean): void {
  const { stat } = from;
  const path = join(dir.path, name);
  if (privileged) check(system.setOwner(dir, name, stat.uid, stat.gid), 'chown', path);
  const keys = system.listXattrs(from.dir, from.name);
  for (const key of typeof keys === 'number' ? [] : keys) {
    if (isOverlayXattr(key)) continue;
    const value = system.getXattr(from.dir, from.name, key);
    if (typeof value !== 'number') system.setXattr(dir, name, key, value);
  }
  const type = stat.mode & S_IFMT;
  if (type !== S_IFLNK) check(system.setMode(dir, name, stat.mode & 0o7777), 'chmod', path);
  system.setTimes(dir, name, stat.mtimeSec, stat.mtimeNsec);
}

/** Makes `name` a copy of a file, link or device of the layers below, as the overlay file system does before a link. */
export function copyFileUp(system: System, from: LowerEntry, dir: Dir, name: Bytes, privileged: boolean): void {
  const path = join(dir.path, name);
  const type = from.stat.mode & S_IFMT;
  if (type === S_IFREG) {
    copyContent(system, from, dir, name);
  } else if (type === S_IFLNK) {
    const text = check(system.readLink(from.dir, from.name), 'readlink', path);
    check(system.symlink(text, dir, name), 'symlink', path);
  } else {
    const { mode, rdevMajor, rdevMinor } = from.stat;
    check(system.mknod(dir, name, mode, rdevMajor, rdevMinor), 'mknod', path);
  }
  copyAttributes(system, from, dir, name, privileged);
}

function copyContent(system: System, from: LowerEntry, dir: Dir, name: Bytes): void {
  const path = join(dir.path, name);
  const source = check(system.openFile(from.dir, from.name), 'open', join(from.dir.path, from.name));
  try {
    const target = check(system.createFile(dir, name, 0o600), 'open', path);
    try {
      const buffer = Buffer.allocUnsafe(COPY_BYTES);
      for (let read = readSync(source, buffer); read > 0; read = readSync(source, buffer)) {
        check(system.write(target, buffer, 0, read), 'write', path);
      }
    } finally {
      system.close(target);
    }
  } finally {
    system.close(source);
  }
}
