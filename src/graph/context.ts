import type { LayerLimits } from '../archive/limits.ts';
import type { Driver } from '../drivers/driver.ts';
import { engineError } from '../errors/kinds.ts';
import type { KeyedLock } from '../streams/keyed-lock.ts';
import type { SpoolBudget } from '../streams/spool-budget.ts';
import type { TaskProgress } from '../tasks/task-cell.ts';
import type { TaskPool } from '../tasks/task-pool.ts';
import type { BlobStore } from './blobs.ts';
import type { CommitQueue } from './commit-queue.ts';
import type { Durability } from './durability.ts';
import type { Family } from './family.ts';
import type { ImageStore } from './image-store.ts';
import type { IndexStore } from './indexes.ts';
import type { ParentIndex } from './parent-index.ts';
import type { Retained } from './retained.ts';
import type { StoreLock } from './store-lock.ts';

/** What the functions of the graph work with. */
export interface GraphContext {
  storeRoot: string;
  driver: Driver;
  pool: TaskPool;
  store: ImageStore;
  parents: ParentIndex;
  family: Family;
  blobs: BlobStore;
  indexes: IndexStore;
  lock: StoreLock;
  commits: CommitQueue;
  /** One registration per id at a time. */
  ids: KeyedLock;
  retained: Retained;
  /** Bytes of temporary files at once. */
  spool: SpoolBudget;
  limits: LayerLimits;
  durability: Durability;
  readOnly: boolean;
}

/** How a call that may take long is stopped: it rejects with CANCELLED, and has changed nothing. */
export interface CallOptions {
  signal?: AbortSignal | undefined;
}

/** How a long call reports, too. */
export interface WorkOptions extends CallOptions {
  onProgress?: ((counters: TaskProgress) => void) | undefined;
  onWarning?: ((warning: { code: string; message: string; entry?: string }) => void) | undefined;
}

/**
 * Keeps an image that is there, and with it its ancestors, from being removed by any process until the answered function
 * is called. Throws IMAGE_NOT_FOUND when it has just gone.
 */
export function retainPresent({ retained }: GraphContext, id: string): () => void {
  const release = retained.retain(id);
  try {
    if (retained.hold(id)) return release;
    throw engineError('IMAGE_NOT_FOUND', `image ${id} was removed meanwhile`, { name: id });
  } catch (error) {
    release();
    throw error;
  }
}

export function refuseReadOnly(context: GraphContext): void {
  if (!context.readOnly) return;
  throw engineError(
    'STORE_READ_ONLY',
    `the store ${JSON.stringify(context.storeRoot)} is open for reading only; --adopt makes a directory that Docker wrote ours`,
    { root: context.storeRoot },
  );
}
