import { ELOOP, check } from '../system/errno.ts';
import type { Bytes, Dir, Stat, System } from '../system/system.ts';

/** Open directories kept; with fewer an 80,000-file layer opens the same ones again and again. */
const KEPT = 256;

/** An open directory of a tree: where it really is, and what it was like when it was opened. */
export interface OpenDir {
  readonly dir: Dir;
  readonly path: Bytes;
  /** New entries get the directory's group instead of the process's. */
  readonly setgid: boolean;
}

/**
 * The directories of a tree, opened beneath its root and kept open while they are in use: entries of one directory
 * come in runs. Whatever may make a path lead elsewhere (a directory or link that goes) must be told with `forget`.
 */
export class OpenDirs {
  readonly root: OpenDir;
  readonly #system: System;
  readonly #opened: (path: Bytes, stat: Stat) => void;
  /** By real path. */
  readonly #open = new Map<Bytes, OpenDir>();
  /** Paths with links in them → real paths. */
  readonly #real = new Map<Bytes, Bytes>();
  #lastPath: Bytes = '';
  #last: OpenDir;
  #stale = false;

  /** `opened` is told of each directory when it is opened, before anything is done in it. */
  constructor(system: System, root: Bytes, opened: (path: Bytes, stat: Stat) => void) {
    this.#system = system;
    this.#opened = opened;
    const dir = check(system.openRoot(root), 'open', root);
    const stat = check(system.lstat(dir, ''), 'stat', root);
    this.root = { dir, path: '', setgid: (stat.mode & 0o2000) !== 0 };
    this.#last = this.root;
    opened('', stat);
  }

  /** The directory at `path`, links followed inside the root; a negative errno when there is none. */
  get(path: Bytes): OpenDir | number {
    this.#refresh();
    if (path === this.#lastPath) return this.#last;
    const found = this.#lookUp(path);
    if (typeof found !== 'number') {
      this.#last = found;
      this.#lastPath = path;
    }
    return found;
  }

  /** The directory at `path`; -ELOOP when there is a link in it. */
  getStraight(path: Bytes): OpenDir | number {
    this.#refresh();
    return this.#straight(path);
  }

  /**
   * A directory or a link has gone: no path is trusted any more. What was handed out stays open until the next look-up,
   * so that its user can finish.
   */
  forget(): void {
    this.#stale = true;
  }

  close(): void {
    this.#closeAll();
    this.#system.closeDir(this.root.dir);
  }

  #lookUp(path: Bytes): OpenDir | number {
    const real = this.#real.get(path);
    const straight = this.#straight(real ?? path);
    return straight === -ELOOP ? this.#following(path) : straight;
  }

  #straight(path: Bytes): OpenDir | number {
    if (path === '') return this.root;
    const kept = this.#open.get(path);
    if (kept !== undefined) {
      this.#open.delete(path);
      this.#open.set(path, kept);
      return kept;
    }
    const dir = this.#system.openDir(this.root.dir, path, 'refuse');
    return typeof dir === 'number' ? dir : this.#keep(dir, path);
  }

  #following(path: Bytes): OpenDir | number {
    const dir = this.#system.openDir(this.root.dir, path, 'follow');
    if (typeof dir === 'number') return dir;
    const real = this.#system.pathBelow(this.root.dir, dir);
    if (typeof real === 'number' || real === '' || this.#open.has(real)) this.#system.closeDir(dir);
    if (typeof real === 'number') return real;
    this.#real.set(path, real);
    if (real === '') return this.root;
    return this.#open.get(real) ?? this.#keep(dir, real);
  }

  #keep(dir: Dir, path: Bytes): OpenDir | number {
    const stat = this.#system.lstat(dir, '');
    if (typeof stat === 'number') {
      this.#system.closeDir(dir);
      return stat;
    }
    const open: OpenDir = { dir, path, setgid: (stat.mode & 0o2000) !== 0 };
    if (this.#open.size >= KEPT) this.#evict();
    this.#open.set(path, open);
    this.#opened(path, stat);
    return open;
  }

  #evict(): void {
    for (const [path, open] of this.#open) {
      if (open === this.#last) continue;
      this.#open.delete(path);
      this.#system.closeDir(open.dir);
      return;
    }
  }

  #refresh(): void {
    if (!this.#stale) return;
    this.#closeAll();
    this.#stale = false;
  }

  #closeAll(): void {
    for (const open of this.#open.values()) this.#system.closeDir(open.dir);
    this.#open.clear();
    this.#real.clear();
    this.#last = this.root;
    this.#lastPath = '';
  }
}
