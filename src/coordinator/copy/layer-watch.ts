import type { TaskProgress } from '../../tasks/task-cell.ts';

/** Who wants to know how one layer comes on. */
export interface LayerWatch {
  /** Bytes of it that have been read so far. */
  bytes(count: number): void;
  /** Answers the listener for one task that is run for it. */
  task(): (counters: TaskProgress) => void;
  /** Milliseconds that passed outside of tasks: fetching or rebuilding it, bringing it to its place, waiting for room. */
  spent(stage: 'read' | 'write' | 'wait', ms: number): void;
}
