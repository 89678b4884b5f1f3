import { engineError } from '../errors/kinds.ts';
import { ELOOP, ENOENT, ENOTDIR, check } from '../system/errno.ts';
import { type Bytes, type Dir, S_IFDIR, S_IFLNK, S_IFMT, type Stat, type System } from '../system/system.ts';
import { copyAttributes, copyFileUp } from './copy-up.ts';
import type { LowerEntry, LowerView } from './lower-view.ts';
import { type OpenDir, OpenDirs } from './open-dirs.ts';
import { isOpaque, isOverlayWhiteout, makeWhiteout, markOpaque } from './overlay-marks.ts';
import { join, splitPath } from './paths.ts';
import { shownName } from './shown-name.ts';

/** As many links as the kernel and Docker follow in one path. */
const MAX_LINKS = 255;

export interface Time {
  sec: number;
  nsec: number;
}

export interface LayerTreeOptions {
  dir: Bytes;
  style: 'full' | 'overlay';
  /** Whether other layers are below: in `dir` itself (full) or in `lower` (overlay). */
  stacked: boolean;
  /** What the layers below an overlay layer show; null while they are not complete. */
  lower: LowerView | null;
  privileged: boolean;
  /** Something that this layer wrote must lose its name: removes it, or moves it elsewhere. */
  dismiss(path: Bytes, dir: Dir, name: Bytes, stat: Stat): void;
}

/** Thrown when an entry can only be applied with the layers below at hand, and they are not. */
export class NeedsLower extends Error {
  readonly entry: Bytes;
  constructor(entry: Bytes) {
    super('the entry needs the layers below');
    this.entry = entry;
  }
}

/** An inode that a hard link can name. */
interface LinkTarget {
  parent: OpenDir;
  name: Bytes;
  stat: Stat;
}

/** Where a walk through a path ended, and whether the layers below are visible there. */
interface Place {
  path: Bytes;
  lowerVisible: boolean;
}

/**
 * The directory that a layer is applied to. It finds and makes parents inside the root whatever links there are, knows
 * what this layer wrote (whiteouts act on the layers below only), and puts the times of directories right at the end.
 */
export class LayerTree {
  readonly #system: System;
  readonly #options: LayerTreeOptions;
  readonly #dirs: OpenDirs;
  /** In full style above other layers: every path that this layer wrote, and every directory on the way to one. */
  readonly #own: Set<Bytes> | null;
  readonly #times = new Map<Bytes, Time>();
  #rootOpaque = false;

  constructor(system: System, options: LayerTreeOptions) {
    this.#system = system;
    this.#options = options;
    this.#own = options.style === 'full' && options.stacked ? new Set() : null;
    this.#dirs = new OpenDirs(system, options.dir, (path, stat) => this.#entering(path, stat));
  }

  get root(): OpenDir {
    return this.#dirs.root;
  }

  /** Opens the directory for an entry, making what is missing of it; `time` is for directories that nobody describes. */
  openParent(path: Bytes, time: Time): OpenDir {
    const opened = this.#dirs.get(path);
    if (typeof opened !== 'number') return opened;
    if (opened !== -ENOENT && opened !== -ENOTDIR && opened !== -ELOOP) check(opened, 'open', this.#at(path));
    const place = this.#walk(path, time);
    return check(this.#dirs.getStraight(place?.path ?? path), 'open', this.#at(path));
  }

  /** Notes that this layer wrote `path`. */
  claim(path: Bytes): void {
    this.#own?.add(path);
  }

  /** The time that directory `path` gets when everything has been applied. */
  setDirTime(path: Bytes, time: Time): void {
    this.#times.set(path, time);
  }

  /**
   * Removes whatever has the name, directories with all they hold. Answers whether a directory that is made there now
   * must hide what the layers below have, because what was there hid it.
   */
  displace(parent: OpenDir, name: Bytes): boolean {
    const stat = this.#system.lstat(parent.dir, name);
    if (typeof stat === 'number') return false;
    this.#remove(parent.dir, name, join(parent.path, name), false);
    return this.#isOverlayAboveOthers() && !isDirectory(stat);
  }

  /** Makes the layers below show nothing at this name; what this layer wrote there stays. */
  whiteout(parentPath: Bytes, name: Bytes, time: Time): void {
    if (!this.#options.stacked) return;
    const opened = this.#dirs.get(parentPath);
    if (this.#options.style === 'full') {
      if (typeof opened !== 'number') this.#remove(opened.dir, name, join(opened.path, name), true);
      return;
    }
    if (typeof opened === 'number' && this.#walk(parentPath) === null) return;
    const parent = typeof opened === 'number' ? this.openParent(parentPath, time) : opened;
    const stat = this.#system.lstat(parent.dir, name);
    if (typeof stat === 'number') {
      check(makeWhiteout(this.#system, parent.dir, name), 'mknod', this.#at(join(parent.path, name)));
    } else if (isDirectory(stat)) {
      this.hideBelow(parent, name);
    }
  }

  /** Makes the layers below show nothing in the directory `path`, which is made when it is missing. */
  opaque(path: Bytes, time: Time): void {
    const dir = this.openParent(path, time);
    if (!this.#options.stacked) return;
    if (this.#options.style === 'full') {
      this.#removeAll(dir.dir, dir.path, true);
    } else if (dir.path === '') {
      // The kernel never takes the root of a layer for opaque: it gets whiteouts when everything is there.
      if (this.#options.lower === null) throw new NeedsLower('.wh..wh..opq');
      this.#rootOpaque = true;
    } else {
      this.hideBelow(dir, '');
    }
  }

  /** Marks a directory of an overlay layer as hiding what is below it. */
  hideBelow(parent: OpenDir, name: Bytes): void {
    if (!this.#isOverlayAboveOthers()) return;
    const result = markOpaque(this.#system, parent.dir, name, this.#options.privileged);
    check(result, 'setxattr', this.#at(join(parent.path, name)));
  }

  /**
   * The directory and name of an existing inode to link to, or null. In an overlay layer a file that only the layers
   * below have is copied up first.
   */
  linkTarget(path: Bytes, time: Time): LinkTarget | null {
    const { dir, base } = splitPath(path);
    const opened = this.#dirs.get(dir);
    const own = this.#entryIn(opened, base);
    if (own !== null) return this.#isWhiteout(own.stat) ? null : own;
    if (!this.#isOverlayAboveOthers()) return null;
    const place = this.#walk(dir);
    if (place === null) return null;
    // A link of the layers below may lead back to a directory of this layer.
    const found = this.#entryIn(this.#dirs.getStraight(place.path), base);
    if (found !== null) return this.#isWhiteout(found.stat) ? null : found;
    if (!place.lowerVisible) return null;
    const source = this.#findBelow(join(place.path, base), path);
    if (source === null || isDirectory(source.stat)) return null;
    const parent = this.openParent(dir, time);
    copyFileUp(this.#system, source, parent.dir, base, this.#options.privileged);
    return { parent, name: base, stat: source.stat };
  }

  #entryIn(parent: OpenDir | number, name: Bytes): LinkTarget | null {
    if (typeof parent === 'number') return null;
    const stat = this.#system.lstat(parent.dir, name);
    return typeof stat === 'number' ? null : { parent, name, stat };
  }

  /** Puts right what can only be put right at the end: an opaque root, and the times of directories. */
  finish(): void {
    if (this.#rootOpaque) this.#hideLowerRoot();
    for (const [path, time] of this.#times) if (path !== '') this.#applyTime(path, time);
    const rootTime = this.#times.get('');
    if (rootTime !== undefined) this.#system.setTimes(this.root.dir, '', rootTime.sec, rootTime.nsec);
  }

  close(): void {
    this.#dirs.close();
  }

  // Parents

  /** A directory of the layers below keeps its time although its content changes, and counts as needed from now on. */
  #entering(path: Bytes, stat: Stat): void {
    if (this.#own === null) return;
    this.#keepTime(path, stat);
    for (let at = path; at !== '' && !this.#own.has(at); at = splitPath(at).dir) this.#own.add(at);
  }

  /** A directory gets the time back that it had before its content changed, unless an entry says otherwise. */
  #keepTime(path: Bytes, stat: Stat): void {
    if (!this.#times.has(path)) this.#times.set(path, { sec: stat.mtimeSec, nsec: stat.mtimeNsec });
  }

  /**
   * Walks to `path` as a process in chroot(root) would, links and all. With `make`, missing directories are made, copies
   * of those below or new ones of that time; without it, a path that leads to no directory answers null.
   */
  #walk(path: Bytes, make?: Time): Place | null {
    const rest = path.split('/').reverse();
    const root: Place = { path: '', lowerVisible: !this.#rootOpaque };
    let at = root;
    let links = 0;
    while (rest.length > 0) {
      const name = rest.pop()!;
      if (name === '' || name === '.') continue;
      if (name === '..') {
        at = { path: splitPath(at.path).dir, lowerVisible: at.lowerVisible };
        continue;
      }
      const step = this.#step(at, name, path, make);
      if (step === null) return null;
      if (typeof step !== 'string') {
        at = step;
        continue;
      }
      if (++links > MAX_LINKS) throw tooManyLinks(path);
      if (step.startsWith('/')) at = root;
      rest.push(...step.split('/').reverse());
    }
    return at;
  }

  /** One component of a walk: the next place, the text of a link to follow, or null when nobody has it. */
  #step(at: Place, name: Bytes, entry: Bytes, make: Time | undefined): Place | Bytes | null {
    const path = join(at.path, name);
    const here = this.#dirs.getStraight(at.path);
    const stat = typeof here === 'number' ? -ENOENT : this.#system.lstat(here.dir, name);
    const hidden = typeof stat !== 'number' && this.#isWhiteout(stat);
    if (typeof here !== 'number' && typeof stat !== 'number' && !hidden) {
      const opaque = this.#options.style === 'overlay' && isOpaque(this.#system, here.dir, name);
      return this.#enter(
        { dir: here.dir, name, stat },
        { path, lowerVisible: at.lowerVisible && !opaque },
        entry,
        make,
      );
    }
    const below = !hidden && at.lowerVisible && this.#isOverlayAboveOthers() ? this.#findBelow(path, entry) : null;
    const next = { path, lowerVisible: at.lowerVisible && !hidden };
    if (below !== null && (make === undefined || !isDirectory(below.stat)))
      return this.#enter(below, next, entry, make);
    if (make === undefined) return null;
    this.#makeDirectory(check(here, 'open', this.#at(at.path)), name, below, hidden, make);
    return next;
  }

  #enter(found: LowerEntry, next: Place, entry: Bytes, make: Time | undefined): Place | Bytes | null {
    if (isDirectory(found.stat)) return next;
    if ((found.stat.mode & S_IFMT) !== S_IFLNK) {
      if (make === undefined) return null;
      throw parentIsNoDirectory(entry, next.path);
    }
    return check(this.#system.readLink(found.dir, found.name), 'readlink', this.#at(next.path));
  }

  #makeDirectory(parent: OpenDir, name: Bytes, below: LowerEntry | null, hidden: boolean, time: Time): void {
    const path = join(parent.path, name);
    if (hidden) check(this.#system.unlink(parent.dir, name), 'unlink', this.#at(path));
    check(this.#system.mkdir(parent.dir, name, 0o755), 'mkdir', this.#at(path));
    if (!this.#system.exactModes || parent.setgid) this.#system.setMode(parent.dir, name, 0o755);
    this.claim(path);
    if (below !== null) {
      copyAttributes(this.#system, below, parent.dir, name, this.#options.privileged);
      this.setDirTime(path, { sec: below.stat.mtimeSec, nsec: below.stat.mtimeNsec });
      return;
    }
    if (parent.setgid && this.#options.privileged) this.#system.setOwner(parent.dir, name, 0, 0);
    this.setDirTime(path, time);
    if (hidden) this.hideBelow(parent, name);
  }

  #findBelow(path: Bytes, entry: Bytes): LowerEntry | null {
    if (this.#options.lower === null) throw new NeedsLower(entry);
    return this.#options.lower.find(path);
  }

  // Removal

  /** Removes a name; with `keepOwn` only what the layers below have. Answers whether it is gone. */
  #remove(dir: Dir, name: Bytes, path: Bytes, keepOwn: boolean): boolean {
    const stat = this.#system.lstat(dir, name);
    if (typeof stat === 'number') return true;
    const own = this.#own === null || this.#own.has(path);
    if (isDirectory(stat)) {
      const child = check(this.#system.openDir(dir, name, 'refuse'), 'open', this.#at(path));
      const empty = this.#removeAllAndClose(child, path, keepOwn);
      if (keepOwn && (own || !empty)) {
        this.#keepTime(path, stat);
        return false;
      }
      check(this.#system.rmdir(dir, name), 'rmdir', this.#at(path));
      this.#times.delete(path);
    } else {
      if (keepOwn && own) return false;
      if (own && !this.#isWhiteout(stat)) this.#options.dismiss(path, dir, name, stat);
      else check(this.#system.unlink(dir, name), 'unlink', this.#at(path));
    }
    if (isDirectory(stat) || (stat.mode & S_IFMT) === S_IFLNK) this.#dirs.forget();
    this.#own?.delete(path);
    return true;
  }

  #removeAllAndClose(dir: Dir, path: Bytes, keepOwn: boolean): boolean {
    try {
      return this.#removeAll(dir, path, keepOwn);
    } finally {
      this.#system.closeDir(dir);
    }
  }

  /** Removes what a directory holds; answers whether it is empty now. */
  #removeAll(dir: Dir, path: Bytes, keepOwn: boolean): boolean {
    let empty = true;
    for (const name of check(this.#system.readDir(dir), 'readdir', this.#at(path))) {
      empty = this.#remove(dir, name, join(path, name), keepOwn) && empty;
    }
    return empty;
  }

  // The end

  #hideLowerRoot(): void {
    for (const name of this.#options.lower?.names('') ?? []) {
      const stat = this.#system.lstat(this.root.dir, name);
      if (typeof stat === 'number') {
        check(makeWhiteout(this.#system, this.root.dir, name), 'mknod', this.#at(name));
      } else if (isDirectory(stat)) {
        this.hideBelow(this.root, name);
      }
    }
  }

  /** A directory that has become something else meanwhile has no time to set. */
  #applyTime(path: Bytes, time: Time): void {
    const { dir, base } = splitPath(path);
    const parent = this.#dirs.getStraight(dir);
    if (typeof parent === 'number') return;
    const stat = this.#system.lstat(parent.dir, base);
    if (typeof stat !== 'number' && isDirectory(stat)) this.#system.setTimes(parent.dir, base, time.sec, time.nsec);
  }

  #isOverlayAboveOthers(): boolean {
    return this.#options.style === 'overlay' && this.#options.stacked;
  }

  #isWhiteout(stat: Stat): boolean {
    return this.#options.style === 'overlay' && isOverlayWhiteout(stat);
  }

  #at(path: Bytes): Bytes {
    return join(this.#options.dir, path);
  }
}

function isDirectory(stat: Stat): boolean {
  return (stat.mode & S_IFMT) === S_IFDIR;
}

function tooManyLinks(entry: Bytes): Error {
  return engineError('LINK_INVALID', `too many links on the way to ${shownName(entry)}`, {
    entry: shownName(entry),
    target: '',
  });
}

function parentIsNoDirectory(entry: Bytes, path: Bytes): Error {
  return engineError(
    'ENTRY_PARENT_INVALID',
    `the entry lies below ${shownName(path)}, which is no directory: ${shownName(entry)}`,
    { entry: shownName(entry) },
  );
}
