import { realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Settings } from './config/settings.ts';
import { type Coordinator, type CoordinatorOptions, createCoordinator } from './coordinator/coordinator.ts';
import { openDriver } from './drivers/registry.ts';
import type { FormatContext } from './formats/context.ts';
import { chooseDriver, claimStore } from './graph/store-marker.ts';
import { TagStore } from './graph/tag-store.ts';
import { threadCount, usableCores } from './pool/cpu-count.ts';
import { createThreadPool } from './pool/thread-pool.ts';
import type { Logger } from './reporting/logger.ts';
import { Graph } from './standalone-graph.ts';
import { SpoolBudget } from './streams/spool-budget.ts';
import { openSystem } from './system/select.ts';
import type { System } from './system/system.ts';
import type { TaskPool } from './tasks/task-pool.ts';

/** A store and everything that works on it. */
export interface Engine extends Pipeline {
  readonly root: string;
  readonly graph: Graph;
  readonly tags: TagStore;
}

/** Everything that works on images, wherever they are. */
export interface Pipeline extends AsyncDisposable {
  readonly coordinator: Coordinator;
  readonly pool: TaskPool;
  readonly system: System;
  /** What sources and sinks are opened with. */
  readonly formats: FormatContext;
  /** Ends what runs, stops the threads, unmounts. */
  close(): Promise<void>;
}

export interface EngineOptions {
  log?: Logger;
  /** Threads that are running already; the engine stops them when it closes. */
  pool?: TaskPool;
  /** Stops the opening, which may wait for another process. */
  signal?: AbortSignal;
}

export interface PipelineOptions {
  /** Threads that are running already; the pipeline stops them when it closes. */
  pool?: TaskPool;
  /** When its own threads start. */
  threads?: 'now' | 'with-first-task';
}

/**
 * Opens a store with the settings given: the one place where driver, pool and formats are chosen. A directory that
 * layermill did not make opens read only unless it is empty or adopted.
 */
export async function openEngine(settings: Settings, options: EngineOptions = {}): Promise<Engine> {
  const system = openSystem();
  // Who only looks at the store needs no threads: starting them and letting them end takes 0.1 s.
  const pool = options.pool ?? newPool(settings, 'with-first-task');
  try {
    return await openStore(settings, system, pool, options);
  } catch (error) {
    await pool.close();
    throw error;
  }
}

function newPool(settings: Settings, start: 'now' | 'with-first-task'): TaskPool {
  return createThreadPool({
    threads: threadCount(settings.threads),
    heapMib: Math.floor(settings.budgets.threadHeapBytes / 1024 ** 2),
    start,
  });
}

async function openStore(
  settings: Settings,
  system: System,
  pool: TaskPool,
  { log, signal }: EngineOptions,
): Promise<Engine> {
  const root = resolve(settings.root);
  const driverName = chooseDriver(root, settings.driver);
  const { readOnly } = await claimStore(root, { driver: driverName, readOnly: false, adopt: settings.adopt });
  const driver = await openDriver(driverName, { home: join(root, driverName), pool, readOnly });
  const spool = new SpoolBudget(settings.budgets.spoolBytes);
  const graph = await Graph.open(root, driver, {
    pool,
    system,
    readOnly,
    signal,
    durability: settings.durability,
    lockTimeoutMs: settings.lockTimeout * 1000,
    limits: settings.limits,
    spool,
    onWait: (holder) => log?.warn(`waiting for ${holder}, which is writing to the store`),
    onBroken: ({ id, message }) => log?.warn(`image ${id} cannot be used: ${message}`),
  });
  const tags = await TagStore.open(join(root, `repositories-${driverName}`), graph, { signal });
  graph.nameImagesBy((id) => tags.namesOf(id));
  const tempDir = await realpath(tmpdir());
  const coordinator = createCoordinator(coordinatorOptions(settings, { store: { graph, tags }, pool, spool, tempDir }));
  const close = async (): Promise<void> => {
    await coordinator.close();
    await pool.close();
    await graph.close();
  };
  const formats: FormatContext = { pool, system, tempDir, limits: settings.limits, spool };
  return { root, graph, tags, coordinator, pool, system, formats, close, [Symbol.asyncDispose]: close };
}

function coordinatorOptions(
  settings: Settings,
  parts: Pick<CoordinatorOptions, 'store' | 'pool' | 'spool' | 'tempDir'>,
): CoordinatorOptions {
  const cores = usableCores();
  return {
    ...parts,
    limits: settings.limits,
    jobs: settings.jobs === 'auto' ? Math.max(2, cores) : settings.jobs,
    lanes: {
      io: settings.lanes.io === 'auto' ? Math.max(4, 2 * cores) : settings.lanes.io,
      cpu: settings.lanes.cpu === 'auto' ? Math.max(2, cores) : settings.lanes.cpu,
    },
    defaults: settings,
  };
}

/** Threads, formats and a coordinator for jobs that need no store: `copy`. */
export async function openPipeline(
  settings: Settings,
  { pool: running, threads = 'with-first-task' }: PipelineOptions = {},
): Promise<Pipeline> {
  const system = openSystem();
  const pool = running ?? newPool(settings, threads);
  const spool = new SpoolBudget(settings.budgets.spoolBytes);
  const tempDir = await realpath(tmpdir());
  const coordinator = createCoordinator(coordinatorOptions(settings, { store: null, pool, spool, tempDir }));
  const close = async (): Promise<void> => {
    await coordinator.close();
    await pool.close();
  };
  const formats: FormatContext = { pool, system, tempDir, limits: settings.limits, spool };
  return { coordinator, pool, system, formats, close, [Symbol.asyncDispose]: close };
}
