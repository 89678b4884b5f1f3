import type { WireError } from '../errors/wire.ts';
import type { TaskInput, TaskName, TaskOutput } from './task-map.ts';

/** What a thread is sent: the task, its input, and the shared memory of its cell. */
export interface TaskRequest<Name extends TaskName = TaskName> {
  name: Name;
  input: TaskInput<Name>;
  cell: SharedArrayBuffer;
}

/** Something worth telling that did not stop the task: an attribute that could not be set, a skipped entry. */
export interface TaskWarning {
  code: string;
  message: string;
  entry?: string;
}

/** What a thread answers: always data. Warnings are capped at the first 100; `warningCounts` has all of them by code. */
export type TaskReply<Name extends TaskName = TaskName> = {
  warnings: TaskWarning[];
  warningCounts: Record<string, number>;
} & ({ ok: true; output: TaskOutput<Name> } | { ok: false; error: WireError });

/** Does one request; never rejects. What a thread's entry exports, and what a pool without threads calls. */
export type ServeTask = (request: TaskRequest) => Promise<TaskReply>;
