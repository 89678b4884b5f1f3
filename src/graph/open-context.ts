import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_LIMITS, type LayerLimits } from '../archive/limits.ts';
import type { Driver } from '../drivers/driver.ts';
import { requireObject } from '../errors/arguments.ts';
import { throwIfAborted } from '../streams/abort.ts';
import { KeyedLock } from '../streams/keyed-lock.ts';
import { SpoolBudget } from '../streams/spool-budget.ts';
import type { System } from '../system/system.ts';
import type { TaskPool } from '../tasks/task-pool.ts';
import { BlobStore } from './blobs.ts';
import { CommitQueue } from './commit-queue.ts';
import type { GraphContext } from './context.ts';
import type { Durability } from './durability.ts';
import { Family } from './family.ts';
import { ImageStore } from './image-store.ts';
import { IndexStore } from './indexes.ts';
import { INDEX_FILE, ParentIndex } from './parent-index.ts';
import { recover } from './recover.ts';
import { Retained } from './retained.ts';
import { StoreLock } from './store-lock.ts';
import { claimStore } from './store-marker.ts';

export interface GraphOptions {
  pool: TaskPool;
  system: System;
  durability?: Durability;
  /** Nothing is opened once it has aborted. */
  signal?: AbortSignal | undefined;
  /** How long to wait for another process that writes, in milliseconds. */
  lockTimeoutMs?: number;
  readOnly?: boolean;
  /** Make a directory ours that holds something which layermill did not write; without it that is open read only. */
  adopt?: boolean;
  limits?: LayerLimits;
  /** Bounds the temporary files of layers; shared by all who make such files. Without it they are not bounded. */
  spool?: SpoolBudget;
  /** Told when another process holds the store. */
  onWait?: (holder: string) => void;
  /** Told of an image that is there and cannot be used. */
  onBroken?: (report: { id: string; message: string }) => void;
  /** The names of an image: one that has any is only removed by force. */
  namesOf?: (id: string) => string[];
}

/** Seen when the graph is opened, so that a mistake is told there and not in the middle of some work. */
const DRIVER_METHODS: readonly (keyof Driver)[] = [
  'exists',
  'stage',
  'stageEmpty',
  'mount',
  'get',
  'put',
  'remove',
  'list',
  'sweep',
  'status',
  'close',
];

/** Opens the store in `storeRoot` for a driver that is open, and removes what a crash left. Throws as `claimStore`. */
export async function openContext(storeRoot: string, driver: Driver, options: GraphOptions): Promise<GraphContext> {
  const { pool, system, durability = 'batch', limits = DEFAULT_LIMITS, adopt = false, signal } = options;
  requireObject(driver, 'driver', DRIVER_METHODS);
  throwIfAborted(signal);
  const claim = { driver: driver.name, readOnly: options.readOnly ?? false, adopt, ignore: await homeOf(driver) };
  const { readOnly, adopted } = await claimStore(storeRoot, claim);
  const store = new ImageStore(join(storeRoot, 'graph'), system, readOnly);
  const lock = new StoreLock(storeRoot, {
    flock: (fd, mode) => system.lock(fd, mode),
    timeoutMs: options.lockTimeoutMs ?? 30_000,
    onWait: options.onWait,
  });
  const parents = new ParentIndex(join(storeRoot, INDEX_FILE), store, readOnly);
  const family = new Family({ store, parents, driver, lock, onBroken: options.onBroken ?? (() => {}) });
  const blobs = new BlobStore(storeRoot);
  const retained = new Retained((id, mode) => store.lock(id, mode));
  const context: GraphContext = {
    storeRoot,
    driver,
    pool,
    store,
    parents,
    family,
    blobs,
    indexes: new IndexStore(storeRoot),
    lock,
    commits: new CommitQueue({ storeRoot, system, store, driver, family, lock, blobs, retained, durability, adopted }),
    ids: new KeyedLock(),
    retained,
    spool: options.spool ?? new SpoolBudget(Infinity),
    limits,
    durability,
    readOnly,
  };
  if (!readOnly) {
    await mkdir(store.root, { recursive: true, mode: 0o700 });
    await recover(context);
  }
  await family.refresh();
  return context;
}

/** A driver makes its home when it is opened, which is before us: an empty one makes no directory another's. */
async function homeOf(driver: Driver): Promise<string[]> {
  for await (const _layer of driver.list()) return [];
  return [driver.name];
}
