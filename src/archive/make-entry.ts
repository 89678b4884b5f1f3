import { engineError } from '../errors/kinds.ts';
import { EEXIST, EISDIR, EMLINK, ENOENT, EOPNOTSUPP, EPERM, check } from '../system/errno.ts';
import { type Bytes, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFMT, type System } from '../system/system.ts';
import {
  type AttributePolicy,
  clearXattrs,
  modeOnDisk,
  modeWhileWriting,
  ownerDiffers,
  setXattrs,
} from './attributes.ts';
import type { LayerTree, Time } from './layer-tree.ts';
import type { OpenDir } from './open-dirs.ts';
import { join } from './paths.ts';
import { shownName } from './shown-name.ts';
import type { TarEntry } from './tar-entry.ts';

/**
 * Makes what an entry describes. Nothing is opened that exists already: what has the name is removed first, so a file of
 * the layers below that has other names is never written through one of them.
 */
export class EntryMaker {
  readonly #system: System;
  readonly #tree: LayerTree;
  readonly #policy: AttributePolicy;
  readonly #lateModes: Map<Bytes, number> | null;

  constructor(system: System, tree: LayerTree, policy: AttributePolicy, lateModes: Map<Bytes, number> | null) {
    this.#system = system;
    this.#tree = tree;
    this.#policy = policy;
    this.#lateModes = lateModes;
  }

  /** A new file, open for writing. */
  createFile(entry: TarEntry, parent: OpenDir, name: Bytes): number {
    const mode = modeWhileWriting(entry, this.#policy);
    let fd = this.#system.createFile(parent.dir, name, mode);
    if (fd === -EEXIST || fd === -EISDIR) {
      this.#tree.displace(parent, name);
      fd = this.#system.createFile(parent.dir, name, mode);
    }
    return check(fd, 'open', join(parent.path, name));
  }

  /** Owner before attributes, mode and times: chown and writes clear set-id bits and capabilities. Closes the file. */
  finishFile(entry: TarEntry, fd: number, parent: OpenDir, name: Bytes): void {
    const path = join(parent.path, name);
    try {
      if (ownerDiffers(entry, parent, this.#policy))
        check(this.#system.setFileOwner(fd, entry.uid, entry.gid), 'chown', path);
      setXattrs(this.#system, entry, parent, name, this.#policy);
      const mode = modeOnDisk(entry, this.#policy);
      if ((mode & 0o6000) !== 0 || !this.#system.exactModes || mode !== modeWhileWriting(entry, this.#policy)) {
        check(this.#system.setFileMode(fd, mode), 'chmod', path);
      }
      this.#system.setFileTimes(fd, entry.mtimeSec, entry.mtimeNsec);
    } finally {
      check(this.#system.close(fd), 'close', path);
    }
  }

  /** A directory, new or there already: then it keeps its children and gets the entry's attributes instead of its own. */
  makeDirectory(entry: TarEntry, parent: OpenDir, name: Bytes, time: Time): void {
    const mode = modeWhileWriting(entry, this.#policy);
    let result = this.#system.mkdir(parent.dir, name, mode);
    let existed = false;
    let hides = false;
    if (result === -EEXIST) {
      const stat = check(this.#system.lstat(parent.dir, name), 'stat', join(parent.path, name));
      existed = (stat.mode & S_IFMT) === S_IFDIR;
      if (existed) {
        clearXattrs(this.#system, parent, name);
        result = 0;
      } else {
        hides = this.#tree.displace(parent, name);
        result = this.#system.mkdir(parent.dir, name, mode);
      }
    }
    check(result, 'mkdir', join(parent.path, name));
    if (hides) this.#tree.hideBelow(parent, name);
    this.#finishDirectory(entry, parent, name, time, existed);
  }

  /** The root is there already; an entry can only say what it is like. */
  describeRoot(entry: TarEntry, time: Time): void {
    if (entry.type !== 'dir') {
      const names = { entry: shownName(entry.name), type: entry.type };
      throw engineError('ENTRY_TYPE_INVALID', `entry "${names.entry}" makes the root a ${entry.type}`, names);
    }
    clearXattrs(this.#system, this.#tree.root, '');
    this.#finishDirectory(entry, this.#tree.root, '', time, true);
  }

  makeSymlink(entry: TarEntry, parent: OpenDir, name: Bytes): void {
    if (entry.linkname === '') throw linkInvalid(entry, 'its target is empty');
    let result = this.#system.symlink(entry.linkname, parent.dir, name);
    if (result === -EEXIST) {
      this.#tree.displace(parent, name);
      result = this.#system.symlink(entry.linkname, parent.dir, name);
    }
    check(result, 'symlink', join(parent.path, name));
    this.#finishNode(entry, parent, name);
  }

  /** A device or fifo. An ordinary user gets an empty file in a device's place. */
  makeNode(entry: TarEntry, parent: OpenDir, name: Bytes): void {
    if (entry.type === 'char' && entry.devMajor === 0 && entry.devMinor === 0) {
      // In an overlay this device is a whiteout; as a device it is of no use to anybody.
      const names = { entry: shownName(entry.name), type: 'char 0:0' };
      throw engineError(
        'ENTRY_TYPE_INVALID',
        `entry "${names.entry}" is a 0:0 device, which no layer may contain`,
        names,
      );
    }
    const mode = modeOnDisk(entry, this.#policy) | typeBits(entry.type);
    const make = (): number => this.#system.mknod(parent.dir, name, mode, entry.devMajor, entry.devMinor);
    let result = make();
    if (result === -EEXIST) {
      this.#tree.displace(parent, name);
      result = make();
    }
    if (!this.#policy.privileged && (result === -EPERM || result === -EOPNOTSUPP)) {
      this.#holdPlace(entry, parent, name);
      return;
    }
    check(result, 'mknod', join(parent.path, name));
    this.#finishNode(entry, parent, name);
  }

  /** A further name for the file at `target`, in this layer or below it. Answers its real path. */
  makeHardlink(entry: TarEntry, target: Bytes, dir: Bytes, base: Bytes, time: Time): Bytes {
    if (target === join(dir, base)) throw linkInvalid(entry, 'it links to itself');
    const found = this.#tree.linkTarget(target, time);
    if (found === null) throw linkInvalid(entry, 'there is no such file in the layer before it, or below it');
    if ((found.stat.mode & S_IFMT) === S_IFDIR) throw linkInvalid(entry, 'the target is a directory');
    const parent = this.#tree.openParent(dir, time);
    const path = join(parent.path, base);
    if (path === join(found.parent.path, found.name)) throw linkInvalid(entry, 'it links to itself');
    const link = (): number => this.#system.link(found.parent.dir, found.name, parent.dir, base);
    let result = link();
    if (result === -EEXIST) {
      this.#tree.displace(parent, base);
      result = link();
    }
    if (result === -ENOENT) throw linkInvalid(entry, 'the target was in the directory that it replaces');
    if (result === -EMLINK) throw linkInvalid(entry, 'the file system allows no more links to one file');
    check(result, 'link', path);
    return path;
  }

  #finishDirectory(entry: TarEntry, parent: OpenDir, name: Bytes, time: Time, existed: boolean): void {
    const path = join(parent.path, name);
    if (this.#policy.privileged && (existed || ownerDiffers(entry, parent, this.#policy))) {
      check(this.#system.setOwner(parent.dir, name, entry.uid, entry.gid), 'chown', path);
    }
    setXattrs(this.#system, entry, parent, name, this.#policy);
    const mode = modeWhileWriting(entry, this.#policy);
    if (existed || parent.setgid || (mode & 0o6000) !== 0 || !this.#system.exactModes) {
      check(this.#system.setMode(parent.dir, name, mode), 'chmod', path);
    }
    if (mode === entry.mode) this.#lateModes?.delete(path);
    else this.#lateModes?.set(path, entry.mode);
    this.#tree.setDirTime(path, time);
  }

  #finishNode(entry: TarEntry, parent: OpenDir, name: Bytes): void {
    const path = join(parent.path, name);
    if (ownerDiffers(entry, parent, this.#policy)) {
      check(this.#system.setOwner(parent.dir, name, entry.uid, entry.gid), 'chown', path);
    }
    setXattrs(this.#system, entry, parent, name, this.#policy);
    if (entry.type !== 'symlink' && ((entry.mode & 0o6000) !== 0 || !this.#system.exactModes)) {
      check(this.#system.setMode(parent.dir, name, modeOnDisk(entry, this.#policy)), 'chmod', path);
    }
    this.#system.setTimes(parent.dir, name, entry.mtimeSec, entry.mtimeNsec);
  }

  #holdPlace(entry: TarEntry, parent: OpenDir, name: Bytes): void {
    this.#tree.displace(parent, name);
    const fd = check(this.#system.createFile(parent.dir, name, 0o600), 'open', join(parent.path, name));
    this.#system.setFileTimes(fd, entry.mtimeSec, entry.mtimeNsec);
    this.#system.close(fd);
    const message = 'devices need root; an empty file holds the name, the record keeps the device';
    this.#policy.warn('DEVICE_NOT_MADE', message, shownName(entry.name));
  }
}

function typeBits(type: TarEntry['type']): number {
  if (type === 'char') return S_IFCHR;
  return type === 'block' ? S_IFBLK : S_IFIFO;
}

export function linkInvalid(entry: TarEntry, why: string): Error {
  const names = { entry: shownName(entry.name), target: shownName(entry.linkname) };
  return engineError('LINK_INVALID', `"${names.entry}" cannot link to "${names.target}": ${why}`, names);
}
