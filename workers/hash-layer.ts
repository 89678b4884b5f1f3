import type { System } from '../src/system/system.ts';
import type { HashedLayer, HashLayer } from '../src/tasks/task-map.ts';
import type { TaskContext } from '../src/tasks/task-pool.ts';
import { readLayer, type TarTaker } from './read-layer.ts';

const NOWHERE: TarTaker = { write: () => {}, end: () => {} };

/** Task `layer.hash`. */
export function hashLayer(system: System, input: HashLayer, context: TaskContext): HashedLayer {
  return readLayer(system, input, NOWHERE, context);
}
