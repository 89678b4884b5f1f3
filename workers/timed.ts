import type { ByteSink } from '../src/compression/codec.ts';
import type { TaskCell } from '../src/tasks/task-cell.ts';
import type { TaskStage } from '../src/tasks/stage-times.ts';

/** `sink`, whose time is that of a stage. What fails ends the task, so its stage need not be left. */
export function timed(cell: TaskCell, stage: TaskStage, sink: ByteSink): ByteSink {
  return (chunk) => {
    const before = cell.enter(stage);
    sink(chunk);
    cell.enter(before);
  };
}

/**
 * What small pieces of a tar are gathered to before anything is done with them, so that looking at the clock costs
 * nothing: as much as one read of a blob, which therefore is not copied.
 */
export const PIECE_BYTES: number = 256 * 1024;
