import type { TarVisitor } from '../src/archive/tar-entry.ts';
import type { System } from '../src/system/system.ts';
import type { DigestLayer, LayerDigests } from '../src/tasks/task-map.ts';
import type { TaskContext } from '../src/tasks/task-pool.ts';
import { readLayer, toVisitor } from './read-layer.ts';

/** Task `layer.digest`. The tar is read as when it is applied, so that what is refused there is refused here. */
export function digestLayer(system: System, input: DigestLayer, context: TaskContext): LayerDigests {
  const bytes = { keepBlob: null, expected: input.expected };
  const into = toVisitor(countEntries(context), 'read', input.limits, context);
  return readLayer(system, { ...input, bytes }, into, context).digests;
}

function countEntries(context: TaskContext): TarVisitor {
  return {
    entry: () => context.cell.addEntries(1),
    raw: () => {},
    body: () => {},
    endEntry: () => {},
  };
}
