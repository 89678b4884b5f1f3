import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { asEngineError } from '../errors/wire.ts';
import { errnoOf } from '../errors/system-error.ts';
import { isImageId } from '../identity/image-id.ts';
import { TruncIndex } from '../identity/trunc-index.ts';
import { generationOf } from './generation.ts';
import type { Image } from './image.ts';
import { JSON_FILE, type ImageStore } from './image-store.ts';

/** An image that is there and cannot be used. */
export interface BrokenImageReport {
  id: string;
  message: string;
}

/**
 * Who is whose parent, in memory: look-ups, heads and children read no file. Before it answers it looks whether the
 * directory changed under it, and then reads what is new.
 */
export class Family {
  readonly #store: ImageStore;
  readonly #onBroken: (report: BrokenImageReport) => void;
  #index = new TruncIndex();
  readonly #images = new Map<string, Image>();
  readonly #children = new Map<string, Set<string>>();
  #generation = '';

  constructor(store: ImageStore, onBroken: (report: BrokenImageReport) => void) {
    this.#store = store;
    this.#onBroken = onBroken;
  }

  /** Sees what other processes changed. */
  refresh(): void {
    const generation = generationOf(this.#store.root);
    if (generation === this.#generation) return;
    this.#generation = generation;
    const present = this.#present();
    for (const id of this.#images.keys()) if (!present.has(id)) this.#forget(id);
    const added = [...present].filter((id) => !this.#images.has(id) && this.#load(id));
    if (added.length === 0) return;
    // One by one would move the tail of the index for each of them.
    if (added.length < 64) for (const id of added) this.#index.add(id);
    else this.#index = new TruncIndex(this.#images.keys());
  }

  /** Learns an image that this process has just committed. */
  learn(id: string): void {
    if (!this.#images.has(id) && this.#load(id)) this.#index.add(id);
    this.#generation = '';
  }

  forget(id: string): void {
    this.#forget(id);
    this.#generation = '';
  }

  has(id: string): boolean {
    return this.#images.has(id);
  }

  /** The whole id for a prefix. Throws IMAGE_NOT_FOUND, ID_AMBIGUOUS, INVALID_ARGUMENT. */
  resolve(prefix: string): string {
    return this.#index.get(prefix);
  }

  image(id: string): Image | undefined {
    return this.#images.get(id);
  }

  /** Notes a size that was counted later. */
  sized(id: string, size: number): void {
    const image = this.#images.get(id);
    if (image !== undefined) this.#images.set(id, { ...image, size });
  }

  ids(): string[] {
    return [...this.#index];
  }

  children(id: string): string[] {
    return [...(this.#children.get(id) ?? [])].sort();
  }

  hasChildren(id: string): boolean {
    return (this.#children.get(id)?.size ?? 0) > 0;
  }

  #present(): Set<string> {
    try {
      return new Set(readdirSync(this.#store.root).filter(isImageId));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return new Set();
      throw error;
    }
  }

  #load(id: string): boolean {
    let image: Image;
    try {
      image = this.#store.load(id);
    } catch (error) {
      this.#onBroken({ id, message: `${join(this.#store.imageRoot(id), JSON_FILE)}: ${asEngineError(error).message}` });
      return false;
    }
    this.#images.set(id, image);
    if (image.parent !== '') {
      const siblings = this.#children.get(image.parent);
      if (siblings === undefined) this.#children.set(image.parent, new Set([id]));
      else siblings.add(id);
    }
    return true;
  }

  #forget(id: string): void {
    const image = this.#images.get(id);
    if (image === undefined) return;
    this.#images.delete(id);
    this.#index.delete(id);
    const siblings = this.#children.get(image.parent);
    siblings?.delete(id);
    if (siblings?.size === 0) this.#children.delete(image.parent);
  }
}
