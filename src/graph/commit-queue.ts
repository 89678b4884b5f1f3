import { rename } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import type { Driver, StagedLayer } from '../drivers/driver.ts';
import { engineError } from '../errors/kinds.ts';
import type { Digest } from '../identity/digest.ts';
import { syncDirectory } from '../streams/atomic-file.ts';
import type { StagingDir } from '../streams/temp-dir.ts';
import { type Durability, syncStore } from './durability.ts';
import type { BlobStore } from './blobs.ts';
import type { Family } from './family.ts';
import type { ImageStore } from './image-store.ts';
import type { Retained } from './retained.ts';
import type { StoreLock } from './store-lock.ts';
import type { System } from '../system/system.ts';

/** An image whose tree and metadata are complete in their staging directories. */
export interface StagedImage {
  id: string;
  /** Empty for a base. */
  parent: string;
  json: Buffer;
  tree: StagedLayer;
  meta: StagingDir;
  /** Verified files that belong among the kept blobs. */
  blobs: readonly { path: string; digest: Digest }[];
}

/** `exists`: an image with this id was there first; the staged one is still the caller's. */
export type CommitOutcome = 'committed' | 'exists';

interface Waiting {
  image: StagedImage;
  resolve(outcome: CommitOutcome): void;
  reject(error: unknown): void;
}

export interface CommitTools {
  storeRoot: string;
  system: System;
  store: ImageStore;
  driver: Driver;
  family: Family;
  lock: StoreLock;
  blobs: BlobStore;
  retained: Retained;
  durability: Durability;
  /** Docker's containers have layers here that no image knows: they are not ours to remove. */
  adopted: boolean;
}

/** Images made durable and visible in one go; 64 is what one sync easily carries. */
const GROUP = 64;

/**
 * Makes staged images true: trees renamed, everything synced, metadata renamed (from then on the image is there), the
 * directory synced. Commits that arrive together share the lock and the syncs.
 */
export class CommitQueue {
  readonly #tools: CommitTools;
  readonly #waiting: Waiting[] = [];
  #working = false;

  constructor(tools: CommitTools) {
    this.#tools = tools;
  }

  /**
   * Resolves when the image is committed and durable, or another one has its id. What is staged stays the caller's
   * unless it was committed. A parent must be committed before, or have been given to this queue before.
   */
  commit(image: StagedImage): Promise<CommitOutcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ image, resolve, reject });
      void this.#work();
    });
  }

  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    // An import gives its layers one after the other; they should be one group.
    await setImmediate();
    while (this.#waiting.length > 0) await this.#commitNext();
    this.#working = false;
  }

  async #commitNext(): Promise<void> {
    let group: Waiting[] = [];
    try {
      // What arrives while we wait for the lock is in the group.
      await this.#tools.lock.exclusive(() => {
        group = this.#waiting.splice(0, this.#tools.durability === 'layer' ? 1 : GROUP);
        return this.#commitGroup(group);
      });
    } catch (error) {
      if (group.length === 0) group = this.#waiting.splice(0);
      for (const { reject } of group) reject(error);
    }
  }

  async #commitGroup(group: readonly Waiting[]): Promise<void> {
    const { storeRoot, system, store, family, lock, durability } = this.#tools;
    await family.refresh();
    lock.noteChange('images');
    const trees: Waiting[] = [];
    const images: Waiting[] = [];
    try {
      await this.#each(group, trees, (image) => this.#placeTree(image, trees));
      if (trees.length === 0) return;
      if (durability !== 'none') await syncStore(system, storeRoot);
      await this.#each(trees, images, (image) => this.#placeMetadata(image, images));
      this.#hold(images);
      if (durability !== 'none') await syncDirectory(store.root);
    } finally {
      family.learn(images.map(({ image }) => image));
      for (const { image } of trees)
        if (!images.some((placed) => placed.image === image)) await this.#withdraw(image.id);
    }
    for (const { resolve } of images) resolve('committed');
  }

  /** Does `work` for each; those for which it succeeds go to `done`, those that exist are told, failures too. */
  async #each(
    group: readonly Waiting[],
    done: Waiting[],
    work: (image: StagedImage) => Promise<CommitOutcome>,
  ): Promise<void> {
    for (const waiting of group) {
      try {
        const outcome = await work(waiting.image);
        if (outcome === 'committed') done.push(waiting);
        else waiting.resolve(outcome);
      } catch (error) {
        waiting.reject(error);
      }
    }
  }

  async #placeTree(image: StagedImage, placed: readonly Waiting[]): Promise<CommitOutcome> {
    const { family, store, blobs, retained } = this.#tools;
    if (isAmong(placed, image.id)) return 'exists';
    if (family.image(image.id) !== undefined) {
      if (retained.isRetained(image.id)) retained.hold(image.id);
      return 'exists';
    }
    this.#requireParent(image, placed);
    await this.#clear(image.id);
    await store.writeJson(image.meta.path, image.json);
    for (const { path, digest } of image.blobs) await blobs.adopt(path, digest);
    await image.tree.commit();
    return 'committed';
  }

  async #placeMetadata(image: StagedImage, placed: readonly Waiting[]): Promise<CommitOutcome> {
    this.#requireParent(image, placed);
    await rename(image.meta.path, this.#tools.store.imageRoot(image.id));
    await image.meta.remove();
    return 'committed';
  }

  /** Before the lock is free: images that are retained here must not go by another process. A child keeps its parent. */
  #hold(images: readonly Waiting[]): void {
    const { retained } = this.#tools;
    const parents = new Set(images.map(({ image }) => image.parent));
    for (const { image } of images)
      if (!parents.has(image.id) && retained.isRetained(image.id)) retained.hold(image.id);
  }

  #requireParent({ id, parent }: StagedImage, placed: readonly Waiting[]): void {
    if (parent === '' || this.#tools.family.has(parent) || isAmong(placed, parent)) return;
    const message = `image ${id} needs its parent ${parent}, which is not in the store any more; import it again`;
    throw engineError('PARENT_NOT_FOUND', message, { id, parent });
  }

  /** Makes room where something unusable has the id: broken metadata, another driver's, or a layer without any. */
  async #clear(id: string): Promise<void> {
    const { store, driver, adopted } = this.#tools;
    const known = store.hasDirectory(id);
    const layer = await driver.exists(id);
    if (layer && !known && adopted) {
      const reason = 'the driver has a layer of that id which is no image';
      throw engineError('IMAGE_ID_TAKEN', `the id ${id} is taken: ${reason}; it was left as it is`, { id, reason });
    }
    if (known) await (await store.takeAway(id)).remove();
    if (layer) await driver.remove(id);
  }

  /** Takes a tree back whose metadata could not follow. What cannot be removed now is swept when the store is opened. */
  async #withdraw(id: string): Promise<void> {
    await this.#tools.driver.remove(id).catch(() => {});
  }
}

function isAmong(waiting: readonly Waiting[], id: string): boolean {
  return waiting.some(({ image }) => image.id === id);
}
