import type { ServeTask } from '../../../src/tasks/envelope.ts';
import { serve } from '../../../workers/serve.ts';
import { scenarioHandlers } from '../pool-scenarios.ts';

/** What a thread of the pool's own tests serves. */
export const main: ServeTask = serve(scenarioHandlers);
