import type { TarVisitor } from '../src/archive/tar-entry.ts';
import type { System } from '../src/system/system.ts';
import type { DigestLayer, LayerDigests } from '../src/tasks/task-map.ts';
import type { TaskContext } from '../src/tasks/task-pool.ts';
import { readLayer, toVisitor } from './read-layer.ts';

/** Task `layer.digest`. The tar is read as when it is applied, so that what is refused there is refused here. */
export function digestLayer(system: System, input: DigestLayer, context: TaskContext): LayerDigests {
  return readLayer(system, input, toVisitor(countEntries(context), input.limits, context), context);
}

function countEntries(context: TaskContext): TarVisitor {
  return {
    entry: () => context.cell.addEntries(1),
    raw: () => {},
    body: () => {},
    endEntry: () => {},
  };
}
