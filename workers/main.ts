import { openSystem } from '../src/system/select.ts';
import type { ServeTask } from '../src/tasks/envelope.ts';
import { createHandlers } from './handlers.ts';
import { serve } from './serve.ts';

const system = openSystem();
system.privateUmask();

const main: ServeTask = serve(createHandlers(system));
export default main;
