import { asEngineError } from '../errors/wire.ts';
import { abortable, cancelled, onAbort } from '../streams/abort.ts';
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
  queue(work: () => Promise<Result>, stop: AbortSignal): Promise<Result>;
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
  perform(plan, progress, stop.signal, plan.readyAfter(done))
    .finally(deafen)
    .then(
      (result) => {
        progress.state = 'done';
        resolve(result);
      },
      (error: unknown) => {
        const failure = asEngineError(error);
        progress.state = failure.kind === 'Cancelled' ? 'cancelled' : 'failed';
        reject(failure);
      },
    );
  return { id: plan.id, done, progress: () => ({ ...progress }), cancel: () => stop.abort() };
}

async function perform<Result>(
  plan: JobPlan<Result>,
  progress: JobProgress,
  signal: AbortSignal,
  before: Promise<unknown> | null,
): Promise<Result> {
  // What waits for another job waits outside the queue: inside, it could keep that job out. How that one ends is seen later.
  if (before !== null)
    await abortable(
      before.catch(() => {}),
      signal,
    );
  if (signal.aborted) throw cancelled(signal);
  return plan.queue(() => {
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
  }, signal);
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
