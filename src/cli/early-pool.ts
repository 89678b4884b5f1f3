import type { Settings } from '../config/settings.ts';
import { threadCount } from '../pool/cpu-count.ts';
import { DEFAULT_HEAP_MIB } from '../pool/limits.ts';
import { createThreadPool } from '../pool/thread-pool.ts';
import type { TaskPool } from '../tasks/task-pool.ts';

/** A pool that was started on a guess. */
export interface EarlyPool {
  pool: TaskPool;
  /** True when the real settings ask for exactly this pool. */
  suits(settings: Settings): boolean;
}

export function startEarlyPool(threads: number | 'auto'): EarlyPool {
  const count = threadCount(threads);
  return {
    pool: createThreadPool({ threads: count }),
    suits: (settings) =>
      threadCount(settings.threads) === count && settings.budgets.threadHeapBytes === DEFAULT_HEAP_MIB * 1024 ** 2,
  };
}
