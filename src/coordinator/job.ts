import type { EngineError } from '../errors/engine-error.ts';
import type { TaskCounters } from '../tasks/task-cell.ts';

/** How a job is to be run. */
export interface SubmitOptions {
  signal?: AbortSignal | undefined;
  /** Higher ones are admitted and run earlier; 0 by default. */
  priority?: number | undefined;
  /** Told of the job's id when its work begins. */
  onStart?: ((id: string) => void) | undefined;
  /** Told what was odd and went well all the same. */
  onWarning?: ((message: string) => void) | undefined;
}

/** What `submit` answers: the job has been admitted. */
export interface JobHandle<Result> {
  readonly id: string;
  /** Settles when the job has ended and, for one that succeeded, its result is durable. */
  readonly done: Promise<Result>;
  progress(): JobProgress;
  /** Stops the job; `done` then rejects with CANCELLED once everything it made is gone. */
  cancel(): void;
}

export interface JobProgress extends TaskCounters {
  state: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';
  /** Bytes of input expected in all, when that is known. */
  totalBytes: number | null;
}

/** What `run` yields. `index` is the job's place in the iterable. */
export type JobEvent<Job, Result> =
  | { type: 'started'; id: string; index: number; job: Job }
  | { type: 'done'; id: string; index: number; job: Job; result: Result }
  | { type: 'failed'; id: string; index: number; job: Job; error: EngineError };
