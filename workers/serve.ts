import { engineError } from '../src/errors/kinds.ts';
import { toWire } from '../src/errors/wire.ts';
import type { ServeTask, TaskRequest, TaskWarning } from '../src/tasks/envelope.ts';
import { TaskCell } from '../src/tasks/task-cell.ts';
import type { TaskName, TaskOutput } from '../src/tasks/task-map.ts';
import type { TaskContext, TaskHandlers } from '../src/tasks/task-pool.ts';

/** Warnings that travel in full; the others are only counted, so that a million bad entries stay one small reply. */
const MAX_WARNINGS = 100;

/** Makes the function that a thread runs for each request: it answers with data, whatever happens. */
export function serve(handlers: TaskHandlers): ServeTask {
  return async (request) => {
    const warnings: TaskWarning[] = [];
    const warningCounts: Record<string, number> = {};
    const context: TaskContext = {
      cell: new TaskCell(request.cell),
      warn: (code, message, entry) => {
        warningCounts[code] = (warningCounts[code] ?? 0) + 1;
        if (warnings.length < MAX_WARNINGS)
          warnings.push(entry === undefined ? { code, message } : { code, message, entry });
      },
    };
    return { ...(await outcome(handlers, request, context)), warnings, warningCounts };
  };
}

type Outcome = { ok: true; output: TaskOutput<TaskName> } | { ok: false; error: ReturnType<typeof toWire> };

async function outcome(handlers: TaskHandlers, request: TaskRequest, context: TaskContext): Promise<Outcome> {
  try {
    context.cell.throwIfCancelled();
    // What a task does is reading, unless it says otherwise.
    context.cell.enter('read');
    return { ok: true, output: await call(handlers, request, context) };
  } catch (thrown) {
    return { ok: false, error: toWire(thrown) };
  } finally {
    context.cell.enter(null);
  }
}

function call<Name extends TaskName>(
  handlers: TaskHandlers,
  request: TaskRequest<Name>,
  context: TaskContext,
): TaskOutput<Name> | Promise<TaskOutput<Name>> {
  if (!Object.hasOwn(handlers, request.name)) {
    throw engineError('INTERNAL', `no handler for task ${JSON.stringify(request.name)}`, { where: 'serve' });
  }
  return handlers[request.name](request.input, context);
}
