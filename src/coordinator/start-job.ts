import { asEngineError } from '../errors/wire.ts';
import { abortable, onAbort } from '../streams/abort.ts';
import type { JobRun } from './job-context.ts';
import type { JobHandle, JobProgress } from './job.ts';

export interface JobPlan<Result> {
  id: string;
  signal: AbortSignal | undefined;
  onStart: ((id: string) => void) | undefined;
  onWarning: ((message: string) => void) | undefined;
  /** Is given the end of this job; answers what it must wait for, or null. */
  readyAfter(done: Promise<Result>): Promise<unknown> | null;
  /** Calls `work` when it is its turn, unless `stop` aborts before. */
  queue(work: () => Promise<void>, stop: AbortSignal): Promise<void>;
  work(run: JobRun): Promise<Result>;
}

/** Starts an admitted job: when what it needs is there, it takes its place in the lane. */
export function startJob<Result>(plan: JobPlan<Result>): JobHandle<Result> {
  const stop = new AbortController();
  const deafen = onAbort(plan.signal, () => stop.abort(plan.signal?.reason));
  const progress: JobProgress = { state: 'waiting', totalBytes: null, bytesIn: 0, bytesOut: 0, entries: 0 };
  const { promise: done, resolve, reject } = withResolvers<Result>();
  // A job that nobody waits for may fail; whoever asks `done` is told.
  done.catch(() => {});
  const succeed = (result: Result): void => {
    progress.state = 'done';
    deafen();
    resolve(result);
  };
  const fail = (error: unknown): void => {
    const failure = asEngineError(error);
    progress.state = failure.kind === 'Cancelled' ? 'cancelled' : 'failed';
    deafen();
    reject(failure);
  };
  const before = plan.readyAfter(done);
  // Settled before the lane goes on, so that the end of a job is seen before the start of the next.
  const work = (): Promise<void> => perform(plan, progress, stop.signal).then(succeed, fail);
  ready(before, stop.signal)
    .then(() => plan.queue(work, stop.signal))
    .catch(fail);
  return { id: plan.id, done, progress: () => ({ ...progress }), cancel: () => stop.abort() };
}

/** What waits for another job waits outside the queue: inside, it could keep that job out. How that one ends is its own affair. */
async function ready(before: Promise<unknown> | null, signal: AbortSignal): Promise<void> {
  if (before !== null)
    await abortable(
      before.catch(() => {}),
      signal,
    );
}

async function perform<Result>(plan: JobPlan<Result>, progress: JobProgress, signal: AbortSignal): Promise<Result> {
  progress.state = 'running';
  plan.onStart?.(plan.id);
  return plan.work({
    signal,
    report: (counters) => void Object.assign(progress, counters),
    expect: (bytes) => {
      progress.totalBytes = bytes;
    },
    warn: (message) => plan.onWarning?.(message),
  });
}

function withResolvers<Value>(): {
  promise: Promise<Value>;
  resolve: (value: Value) => void;
  reject: (error: unknown) => void;
} {
  let resolve: (value: Value) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<Value>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
