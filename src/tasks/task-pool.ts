import type { TaskWarning } from './envelope.ts';
import type { TaskCell, TaskProgress } from './task-cell.ts';
import type { TaskInput, TaskName, TaskOutput } from './task-map.ts';

export interface RunOptions {
  /** Aborting sets the task's cancel word; the promise rejects with CANCELLED when the thread has answered. */
  signal?: AbortSignal | undefined;
  /** Named in the error when the thread dies. */
  job?: string | undefined;
  /** Gets the counters ten times a second and once at the end. */
  onProgress?: ((counters: TaskProgress) => void) | undefined;
  onWarning?: ((warning: TaskWarning) => void) | undefined;
  /**
   * Bytes of the layer that the task is for: of those that wait for a thread the one of the largest layer is next, so
   * that no thread is left alone with it in the end.
   */
  rank?: number | undefined;
}

/** Runs tasks, inline or in threads. No task ever waits for another task of its pool. */
export interface TaskPool {
  readonly threads: number;
  /** Threads that have nothing to do, and nothing waits for them. */
  readonly idle: number;
  /** Rejects with the EngineError that the task threw, TASK_CRASHED or TASK_OUT_OF_MEMORY when its thread died. */
  run<Name extends TaskName>(name: Name, input: TaskInput<Name>, options?: RunOptions): Promise<TaskOutput<Name>>;
  /** Cancels what runs, waits for its end, and stops the threads. */
  close(): Promise<void>;
}

/** What a task's function gets beside its input. */
export interface TaskContext {
  readonly cell: TaskCell;
  warn(code: string, message: string, entry?: string): void;
}

/** A function for every task. */
export type TaskHandlers = {
  readonly [Name in TaskName]: (
    input: TaskInput<Name>,
    context: TaskContext,
  ) => TaskOutput<Name> | Promise<TaskOutput<Name>>;
};
