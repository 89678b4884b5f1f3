import { rename } from 'node:fs/promises';
import type { StagedLayer } from '../drivers/driver.ts';
import { syncDirectory } from '../streams/atomic-file.ts';
import type { StagingDir } from '../streams/temp-dir.ts';
import type { Barrier, Durability } from './barrier.ts';
import type { BlobStore } from './blobs.ts';
import type { Family } from './family.ts';
import type { ImageStore } from './image-store.ts';
import type { StoreLock } from './store-lock.ts';
import type { Digest } from '../identity/digest.ts';

/** An image whose tree and metadata are complete in their staging directories. */
export interface StagedImage {
  id: string;
  tree: StagedLayer;
  meta: StagingDir;
  /** Files in `meta` that belong among the kept blobs. */
  blobs: { path: string; digest: Digest }[];
}

interface Waiting {
  image: StagedImage;
  resolve(): void;
  reject(error: unknown): void;
}

export interface CommitTools {
  store: ImageStore;
  family: Family;
  lock: StoreLock;
  barrier: Barrier;
  blobs: BlobStore;
  durability: Durability;
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

  /** Resolves when the image is committed and durable. A parent must have been committed before. */
  commit(image: StagedImage): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ image, resolve, reject });
      void this.#work();
    });
  }

  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, this.#tools.durability === 'layer' ? 1 : GROUP);
      try {
        await this.#tools.lock.exclusive(() => this.#commitGroup(group));
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#working = false;
  }

  async #commitGroup(group: Waiting[]): Promise<void> {
    const { store, family, barrier, durability } = this.#tools;
    const renamed: Waiting[] = [];
    for (const waiting of group)
      if (await this.#try(waiting, () => this.#placeTree(waiting.image))) renamed.push(waiting);
    await barrier.pass();
    const placed: Waiting[] = [];
    for (const waiting of renamed)
      if (await this.#try(waiting, () => this.#placeMetadata(waiting.image))) placed.push(waiting);
    if (durability !== 'none' && placed.length > 0) await syncDirectory(store.root);
    for (const { image, resolve } of placed) {
      family.learn(image.id);
      resolve();
    }
  }

  async #placeTree({ tree, blobs }: StagedImage): Promise<void> {
    for (const { path, digest } of blobs) await this.#tools.blobs.adopt(path, digest);
    await tree.commit();
  }

  async #placeMetadata({ id, meta }: StagedImage): Promise<void> {
    await rename(meta.path, this.#tools.store.imageRoot(id));
    await meta.remove();
  }

  async #try({ reject }: Waiting, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      reject(error);
      return false;
    }
  }
}
