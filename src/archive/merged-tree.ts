import { check, ENOENT } from '../system/errno.ts';
import { type Bytes, type Dir, S_IFDIR, S_IFMT, type Stat, type System } from '../system/system.ts';
import type { LayerMount } from './layer-mount.ts';
import type { LowerEntry, LowerView } from './lower-view.ts';
import { isOpaque, isOverlayWhiteout } from './overlay-marks.ts';
import { join, splitPath } from './paths.ts';
import { TreeDirs } from './tree-dirs.ts';

/** A directory of a tree and the layers that show their part of it, nearest first. */
export interface TreeDir {
  path: Bytes;
  layers: readonly number[];
}

/** Something in a tree: plain data, good as long as the tree is open and nobody changes it. */
export interface TreeEntry {
  path: Bytes;
  /** The layer that shows it. */
  layer: number;
  stat: Stat;
  /** Where its content is; null for anything but a directory. */
  content: TreeDir | null;
}

/** Opens what a layer and everything below it show together. The caller closes it. */
export function openTree(system: System, mount: LayerMount): MergedTree {
  const overlay = mount.style === 'overlay';
  const dirs = overlay ? [mount.dir, ...mount.lowers] : [mount.dir];
  return new MergedTree(
    system,
    dirs.map((dir) => Buffer.from(dir).toString('latin1')),
    overlay,
  );
}

/** Opens what the layers below an overlay layer show together; `lowers` nearest first. The caller closes it. */
export function openLowerView(system: System, lowers: readonly string[]): MergedTree {
  return new MergedTree(
    system,
    lowers.map((dir) => Buffer.from(dir).toString('latin1')),
    true,
  );
}

/** Directory look-ups kept for `find`. */
const REMEMBERED = 256;

/**
 * A file tree, read-only: one directory, or a stack of overlay layers, whose whiteouts and opaque directories hide what
 * is below them. Paths hold no links; nothing is followed.
 */
export class MergedTree implements LowerView, Disposable {
  readonly root: TreeDir;
  readonly #system: System;
  readonly #overlay: boolean;
  readonly #dirs: TreeDirs;
  readonly #found = new Map<Bytes, TreeEntry>();

  /** `roots` nearest first. */
  constructor(system: System, roots: Bytes[], overlay: boolean) {
    this.#system = system;
    this.#overlay = overlay;
    this.#dirs = new TreeDirs(system, roots);
    this.root = { path: '', layers: roots.map((_, layer) => layer) };
  }

  close(): void {
    this.#dirs.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Everything in a directory, by name. */
  list(dir: TreeDir): Map<Bytes, TreeEntry> {
    const found = new Map<Bytes, Merge>();
    for (const layer of dir.layers) {
      const opened = this.#dirs.require(layer, dir.path);
      const last = layer === dir.layers.at(-1);
      for (const name of check(this.#system.readDir(opened), 'readdir', opened.path)) {
        const merge = found.get(name) ?? newMerge();
        found.set(name, merge);
        this.#look(merge, layer, opened, name, last);
      }
    }
    const entries = new Map<Bytes, TreeEntry>();
    for (const [name, merge] of found) {
      const entry = toEntry(merge, join(dir.path, name));
      if (entry !== null) entries.set(name, entry);
    }
    return entries;
  }

  /** The names in the directory `path`; none when it is not there. */
  names(path: Bytes): Bytes[] {
    const content = path === '' ? this.root : this.entryAt(path)?.content;
    return content === undefined || content === null ? [] : [...this.list(content).keys()];
  }

  /** What is at `path`; null when nothing is, or when the way there is no directory. Its `dir` is open until the next call. */
  find(path: Bytes): LowerEntry | null {
    const entry = this.entryAt(path);
    return entry === null ? null : { ...this.locate(entry), stat: entry.stat };
  }

  /** As `find`, as plain data. */
  entryAt(path: Bytes): TreeEntry | null {
    const remembered = this.#found.get(path);
    if (remembered !== undefined) return remembered;
    const { dir, base } = splitPath(path);
    const content = dir === '' ? this.root : (this.entryAt(dir)?.content ?? null);
    const entry = content === null ? null : this.#child(content, base);
    if (entry?.content) this.#remember(path, entry);
    return entry;
  }

  /** The open directory that holds an entry, and its name there; open until the next call. */
  locate(entry: TreeEntry): { dir: Dir; name: Bytes } {
    const { dir, base } = splitPath(entry.path);
    return { dir: this.#dirs.require(entry.layer, dir), name: base };
  }

  /** Opens a regular file for reading; a negative errno when that fails. */
  openFile(entry: TreeEntry): number {
    return this.#system.openFile(this.#dirs.root(entry.layer), entry.path);
  }

  readLink(entry: TreeEntry): Bytes {
    const { dir, name } = this.locate(entry);
    return check(this.#system.readLink(dir, name), 'readlink', this.where(entry));
  }

  /** Where an entry really is, for messages. */
  where(entry: TreeEntry): Bytes {
    return join(this.#dirs.root(entry.layer).path, entry.path);
  }

  #child(dir: TreeDir, name: Bytes): TreeEntry | null {
    const merge = newMerge();
    for (const layer of dir.layers) {
      if (merge.closed) break;
      const opened = this.#dirs.require(layer, dir.path);
      this.#look(merge, layer, opened, name, layer === dir.layers.at(-1));
    }
    return toEntry(merge, join(dir.path, name));
  }

  /** Adds what one more layer has under a name. */
  #look(merge: Merge, layer: number, dir: Dir, name: Bytes, last: boolean): void {
    if (merge.closed) return;
    const stat = this.#system.lstat(dir, name);
    if (stat === -ENOENT) return;
    const present = check(stat, 'stat', join(dir.path, name));
    const isDir = (present.mode & S_IFMT) === S_IFDIR;
    if (merge.stat === null && !(this.#overlay && isOverlayWhiteout(present))) {
      merge.stat = present;
      merge.layer = layer;
    }
    if (isDir) merge.layers.push(layer);
    merge.closed = !isDir || (this.#overlay && !last && isOpaque(this.#system, dir, name));
  }

  #remember(path: Bytes, entry: TreeEntry): void {
    if (this.#found.size >= REMEMBERED) this.#found.clear();
    this.#found.set(path, entry);
  }
}

/** What the layers looked at so far have under one name. */
interface Merge {
  stat: Stat | null;
  layer: number;
  /** Those that have a directory there. */
  layers: number[];
  /** Nothing below shows through. */
  closed: boolean;
}

function newMerge(): Merge {
  return { stat: null, layer: 0, layers: [], closed: false };
}

function toEntry({ stat, layer, layers }: Merge, path: Bytes): TreeEntry | null {
  if (stat === null) return null;
  const isDir = (stat.mode & S_IFMT) === S_IFDIR;
  return { path, layer, stat, content: isDir ? { path, layers } : null };
}
