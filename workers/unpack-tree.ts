import { LayerApplier } from '../src/archive/apply-layer.ts';
import { createTarReader } from '../src/archive/tar-reader.ts';
import { applyLateModes } from '../src/archive/late-modes.ts';
import type { Bytes, System } from '../src/system/system.ts';
import type { TaskMap } from '../src/tasks/task-map.ts';
import type { TaskContext } from '../src/tasks/task-pool.ts';
import { pump } from './read-layer.ts';
import { Scope } from './scope.ts';
import { timed } from './timed.ts';

/** Task `tree.unpack`. */
export function unpackTree(
  system: System,
  input: TaskMap['tree.unpack']['input'],
  context: TaskContext,
): TaskMap['tree.unpack']['output'] {
  const privileged = process.geteuid?.() === 0;
  const dir = Buffer.from(input.dir).toString('latin1');
  const lateModes = new Map<Bytes, number>();
  let entries = 0;
  for (const [index, source] of input.layers.entries()) {
    using open = new Scope();
    const applier = open.adopt(
      new LayerApplier(system, {
        dir,
        style: 'full',
        stacked: index > 0,
        lower: null,
        policy: { privileged, keepAccess: false, warn: context.warn },
        record: null,
        lateModes,
        onEntry: () => context.cell.addEntries(1),
      }),
      (layer) => layer.close(),
    );
    const reader = createTarReader(applier, input.limits);
    const write = timed(context.cell, 'write', (chunk) => reader.write(chunk));
    pump(system, { source, limits: input.limits }, write, context);
    context.cell.enter('write');
    reader.end();
    applier.finish();
    context.cell.enter('read');
    entries += applier.entries;
  }
  applyLateModes(system, dir, lateModes);
  return { entries };
}
