import type { LayerLimits } from '../archive/limits.ts';
import type { Graph } from '../graph/graph.ts';
import type { TagStore } from '../graph/tag-store.ts';
import type { Budget } from '../streams/byte-budget.ts';
import type { SpoolBudget } from '../streams/spool-budget.ts';
import type { TaskCounters } from '../tasks/task-cell.ts';
import type { TaskPool } from '../tasks/task-pool.ts';

/** What jobs on a store work with. */
export interface StoreTools extends JobTools {
  graph: Graph;
  tags: TagStore;
}

/** What all jobs work with. */
export interface JobTools {
  pool: TaskPool;
  limits: LayerLimits;
  /** Images at once, over all jobs. */
  images: Budget;
  /** Bytes of finished layers that wait on the disk for their place. */
  spool: SpoolBudget;
  /** Where temporary directories are made. */
  tempDir: string;
}

/** One run of one job. */
export interface JobRun {
  readonly signal: AbortSignal;
  /** What the job has done so far; the last call counts. */
  report(counters: TaskCounters): void;
  /** Bytes of input in all, once they are known. */
  expect(totalBytes: number): void;
  warn(message: string): void;
}
