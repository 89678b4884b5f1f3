import { createInlinePool } from '../../src/pool/inline-pool.ts';
import { openSystem } from '../../src/system/select.ts';
import type { TaskPool } from '../../src/tasks/task-pool.ts';
import { createHandlers } from '../../workers/handlers.ts';
import { serve } from '../../workers/serve.ts';

/** A pool that does the real tasks, without threads. */
export function createInlineTasks(): TaskPool {
  return createInlinePool(serve(createHandlers(openSystem())));
}
