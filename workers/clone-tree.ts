import { copyTree } from '../src/archive/copy-tree.ts';
import type { System } from '../src/system/system.ts';
import type { TaskMap } from '../src/tasks/task-map.ts';
import type { TaskContext } from '../src/tasks/task-pool.ts';

/** Entries between two looks at the cancel word. */
const ENTRIES_PER_TICK = 64;

/** Task `tree.clone`. */
export function cloneTree(
  system: System,
  input: TaskMap['tree.clone']['input'],
  { cell }: TaskContext,
): TaskMap['tree.clone']['output'] {
  let entries = 0;
  copyTree(system, toBytes(input.from), toBytes(input.to), {
    privileged: process.geteuid?.() === 0,
    onEntry: () => {
      cell.addEntries(1);
      if (++entries % ENTRIES_PER_TICK === 0) cell.throwIfCancelled();
    },
  });
  return { entries };
}

function toBytes(path: string): string {
  return Buffer.from(path).toString('latin1');
}
