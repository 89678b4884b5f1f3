import { setImmediate } from 'node:timers/promises';
import type { ServeTask } from '../tasks/envelope.ts';
import type { TaskPool } from '../tasks/task-pool.ts';
import { Dispatcher } from './dispatcher.ts';
import { DEFAULT_GRACE_MS, DEFAULT_MAX_QUEUE } from './limits.ts';

/**
 * A pool without threads: tasks run here, one after the other, through the same `serve` as in a thread. Signals and
 * timers get a turn before each task; within a synchronous one they cannot.
 */
export function createInlinePool(serve: ServeTask, options: { maxQueue?: number } = {}): TaskPool {
  return new Dispatcher(
    {
      execute: async (request) => {
        await setImmediate();
        // Cloned as a message would be, so that a task never sees an object of its caller's.
        return serve({ ...request, input: structuredClone(request.input) });
      },
      close: () => Promise.resolve(),
    },
    { threads: 1, maxQueue: options.maxQueue ?? DEFAULT_MAX_QUEUE, graceMs: DEFAULT_GRACE_MS },
  );
}
