import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Driver } from '../drivers/driver.ts';
import { errnoOf } from '../errors/system-error.ts';
import { asEngineError } from '../errors/wire.ts';
import { isImageId } from '../identity/image-id.ts';
import { TruncIndex } from '../identity/trunc-index.ts';
import { generationOf } from './generation.ts';
import type { Image } from './image.ts';
import { JSON_FILE, type ImageStore } from './image-store.ts';
import type { ParentIndex } from './parent-index.ts';
import type { StoreLock } from './store-lock.ts';

/** An image that is there and cannot be used. */
interface BrokenImageReport {
  id: string;
  message: string;
}

export interface FamilyParts {
  store: ImageStore;
  parents: ParentIndex;
  driver: Driver;
  lock: StoreLock;
  onBroken: (report: BrokenImageReport) => void;
}

/** From this many changes on the index is made anew: one by one each would move its tail. */
const REBUILD_FROM = 64;

/**
 * Which images there are, and who is whose parent, in memory. An image is there when its directory in the graph is and
 * the driver has its layer; directories of another driver's images are ignored. Parents are found out when they are first
 * asked for, so that opening a large store and looking up one image reads no JSON but that one's.
 */
export class Family {
  readonly #parts: FamilyParts;
  #index = new TruncIndex();
  /** Id → parent; null until somebody asks. */
  #parents: Map<string, string> | null = null;
  readonly #children = new Map<string, Set<string>>();
  readonly #reported = new Set<string>();
  #generation = '';
  /** Counts what this process learned by itself, which a listing made meanwhile does not know. */
  #lessons = 0;
  #reloading: Promise<void> | null = null;

  constructor(parts: FamilyParts) {
    this.#parts = parts;
  }

  /** Sees what other processes changed. Under the store's lock nothing changes behind the answer. */
  async refresh(): Promise<void> {
    // One that runs may have begun before the change that we came for.
    if (this.#isCurrent()) return;
    await this.#reloading;
    if (this.#isCurrent()) return;
    this.#reloading ??= this.#reload().finally(() => {
      this.#reloading = null;
    });
    await this.#reloading;
  }

  has(id: string): boolean {
    return this.#index.has(id);
  }

  /** The whole id for a prefix. Throws IMAGE_NOT_FOUND, ID_AMBIGUOUS, INVALID_ARGUMENT. */
  resolve(prefix: string): string {
    return this.#index.get(prefix);
  }

  ids(): string[] {
    return [...this.#index];
  }

  /** An image, read from its files; undefined when it is not there or cannot be used, which is reported once. */
  image(id: string): Image | undefined {
    if (!this.has(id)) return undefined;
    try {
      const image = this.#parts.store.load(id);
      if (this.#parents !== null && this.#parents.get(id) !== image.parent) this.#relate(id, image.parent);
      return image;
    } catch (error) {
      this.#report(id, error);
      return undefined;
    }
  }

  children(id: string): string[] {
    this.#relations();
    return [...(this.#children.get(id) ?? [])].sort();
  }

  hasChildren(id: string): boolean {
    this.#relations();
    return this.#children.has(id);
  }

  /** Learns images that this process has just committed, under the store's lock and after a refresh. */
  learn(images: readonly { id: string; parent: string }[]): void {
    for (const { id, parent } of images) {
      if (!this.#index.has(id)) this.#index.add(id);
      if (this.#parents !== null) this.#relate(id, parent);
      this.#reported.delete(id);
    }
    this.#settle();
  }

  /** Forgets an image that this process has just removed, under the store's lock and after a refresh. */
  forget(id: string): void {
    if (this.#index.has(id)) this.#index.delete(id);
    this.#unrelate(id);
    this.#settle();
  }

  #isCurrent(): boolean {
    return this.#now() === this.#generation;
  }

  #now(): string {
    const { store, lock } = this.#parts;
    return generationOf(store.root, lock.changes('images'));
  }

  #settle(): void {
    this.#lessons++;
    this.#generation = this.#now();
  }

  /** The graph is listed before the driver: a commit places the layer first, so what is seen here has its layer there. */
  async #reload(): Promise<void> {
    const generation = this.#now();
    const lessons = this.#lessons;
    const listed = this.#listed();
    const layers = new Set<string>();
    if (listed.length > 0) for await (const id of this.#parts.driver.list()) layers.add(id);
    if (lessons !== this.#lessons) return;
    this.#apply(new Set(listed.filter((id) => layers.has(id))));
    this.#generation = generation;
  }

  #apply(present: ReadonlySet<string>): void {
    const removed = [...this.#index].filter((id) => !present.has(id));
    const added = [...present].filter((id) => !this.#index.has(id));
    for (const id of removed) this.#unrelate(id);
    if (removed.length + added.length >= REBUILD_FROM) {
      this.#index = new TruncIndex(present);
    } else {
      for (const id of removed) this.#index.delete(id);
      for (const id of added) this.#index.add(id);
    }
    if (this.#parents !== null) for (const id of added) this.#relateFromFiles(id);
  }

  #listed(): string[] {
    try {
      return readdirSync(this.#parts.store.root).filter(isImageId);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw error;
    }
  }

  #relations(): void {
    if (this.#parents !== null) return;
    this.#parents = new Map();
    this.#parts.parents.tell(
      this.#index,
      (id, parent) => this.#relate(id, parent),
      (id, error) => this.#report(id, error),
    );
  }

  #relateFromFiles(id: string): void {
    try {
      this.#relate(id, this.#parts.store.parentOf(id).parent);
    } catch (error) {
      this.#report(id, error);
    }
  }

  #relate(id: string, parent: string): void {
    this.#unrelate(id);
    this.#parents!.set(id, parent);
    if (parent === '') return;
    const siblings = this.#children.get(parent);
    if (siblings === undefined) this.#children.set(parent, new Set([id]));
    else siblings.add(id);
  }

  #unrelate(id: string): void {
    const parent = this.#parents?.get(id);
    if (parent === undefined) return;
    this.#parents?.delete(id);
    const siblings = this.#children.get(parent);
    siblings?.delete(id);
    if (siblings?.size === 0) this.#children.delete(parent);
  }

  #report(id: string, error: unknown): void {
    const root = this.#parts.store.imageRoot(id);
    // Another process may just have removed it: that is no news.
    if (this.#reported.has(id) || !existsSync(root)) return;
    this.#reported.add(id);
    this.#parts.onBroken({ id, message: `${join(root, JSON_FILE)}: ${asEngineError(error).message}` });
  }
}
