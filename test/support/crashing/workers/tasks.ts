import type * as Select from '../../../../src/system/select.ts';
import type { ServeTask } from '../../../../src/tasks/envelope.ts';
import type * as Handlers from '../../../../workers/handlers.ts';
import type * as Serve from '../../../../workers/serve.ts';

// The real tasks, from the sources or from what was built of them.
const built = process.env['LAYERMILL_TEST_DIST'] === '1';
const load = (path: string): Promise<unknown> =>
  import(`../../../../${built ? 'dist/' : ''}${path}${built ? '.js' : '.ts'}`);
const { openSystem } = (await load('src/system/select')) as typeof Select;
const { createHandlers } = (await load('workers/handlers')) as typeof Handlers;
const { serve } = (await load('workers/serve')) as typeof Serve;

const system = openSystem();
system.privateUmask();
const handlers = createHandlers(system);

/** Does every task as it should, but for a layer in a file called `crash.tar`: that one ends the thread half-way. */
export const main: ServeTask = serve({
  ...handlers,
  'layer.apply': async (input, context) => {
    const applied = await handlers['layer.apply'](input, context);
    if (input.source.from === 'blob' && input.source.blob.path.endsWith('/crash.tar')) process.exit(9);
    return applied;
  },
});
