import { check } from '../system/errno.ts';
import type { Bytes, Dir, System } from '../system/system.ts';
import { join } from './paths.ts';

/** Directories kept open; a walk comes back to a directory after each of its subdirectories. */
const KEPT = 256;

/** The directories of a stack of layers, opened beneath their roots and kept open while they are in use. */
export class TreeDirs {
  readonly #system: System;
  readonly #roots: Dir[] = [];
  readonly #open = new Map<string, Dir>();
  readonly #kept: number;

  constructor(system: System, roots: Bytes[]) {
    this.#system = system;
    // All layers of one directory may be needed at once.
    this.#kept = Math.max(KEPT, 2 * roots.length);
    try {
      for (const root of roots) this.#roots.push(check(system.openRoot(root), 'open', root));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** The directory `path` of a layer, no link followed; a negative errno when it is not there. Open until later calls. */
  get(layer: number, path: Bytes): Dir | number {
    const root = this.#roots[layer]!;
    if (path === '') return root;
    const key = `${layer}/${path}`;
    const kept = this.#open.get(key);
    if (kept !== undefined) {
      this.#open.delete(key);
      this.#open.set(key, kept);
      return kept;
    }
    const dir = this.#system.openDir(root, path, 'refuse');
    if (typeof dir === 'number') return dir;
    if (this.#open.size >= this.#kept) this.#evict();
    this.#open.set(key, dir);
    return dir;
  }

  /** As `get`, for a directory that was there before; throws when it has gone. */
  require(layer: number, path: Bytes): Dir {
    return check(this.get(layer, path), 'open', join(this.#roots[layer]!.path, path));
  }

  root(layer: number): Dir {
    return this.#roots[layer]!;
  }

  close(): void {
    for (const dir of this.#open.values()) this.#system.closeDir(dir);
    this.#open.clear();
    for (const root of this.#roots.splice(0)) this.#system.closeDir(root);
  }

  #evict(): void {
    for (const [key, dir] of this.#open) {
      this.#open.delete(key);
      this.#system.closeDir(dir);
      return;
    }
  }
}
