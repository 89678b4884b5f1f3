import type { TaskPool } from '../../src/tasks/task-pool.ts';
import { inlinePool } from './test-store.ts';

/** Runs tasks inline, as a pool of two threads would say that it is, and writes down their names. */
export function countingPool(ran: string[]): TaskPool {
  const inner = inlinePool();
  return {
    threads: 2,
    idle: 0,
    run: (name, input, options) => {
      ran.push(name);
      return inner.run(name, input, options);
    },
    close: () => inner.close(),
  };
}
