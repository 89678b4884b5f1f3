import { engineError } from '../errors/kinds.ts';
import { asEngineError } from '../errors/wire.ts';
import type { Graph } from '../graph/graph.ts';
import type { TagStore } from '../graph/tag-store.ts';
import { cancelled, onAbort, throwIfAborted } from '../streams/abort.ts';
import { Budget } from '../streams/byte-budget.ts';
import type { TaskPool } from '../tasks/task-pool.ts';
import type { JobTools } from './job-context.ts';
import { type Job, laneOf, type ResultOf, runJob } from './job-list.ts';
import type { JobEvent, JobHandle, JobProgress } from './job.ts';
import { type LaneName, Lanes } from './lanes.ts';
import { Readiness } from './readiness.ts';

export interface CoordinatorOptions {
  graph: Graph;
  tags: TagStore;
  pool: TaskPool;
  /** Images at once in imports and exports. */
  jobs: number;
  lanes: Record<LaneName, number>;
  /** Bytes of finished layers on the disk at once. */
  spoolBytes: number;
  tempDir: string;
}

export interface SubmitOptions {
  signal?: AbortSignal | undefined;
  /** Higher ones run earlier; 0 by default. */
  priority?: number | undefined;
  /** Told what was odd and went well all the same. */
  onWarning?: ((message: string) => void) | undefined;
}

export interface Coordinator {
  /** Waits for room, then answers a handle on the job. */
  submit<Kind extends Job>(job: Kind, options?: SubmitOptions): Promise<JobHandle<ResultOf<Kind>>>;
  /** Runs jobs, taking the next one only when there is room. Leaving the iteration cancels what is left. */
  run<Kind extends Job>(
    jobs: Iterable<Kind> | AsyncIterable<Kind>,
    options?: SubmitOptions,
  ): AsyncGenerator<JobEvent<Kind, ResultOf<Kind>>>;
  /** Cancels what runs and waits for its end. */
  close(): Promise<void>;
}

/**
 * Runs jobs on the threads of a pool: as many at once as its lanes are wide, with a few waiting. Submitting waits for
 * room, so a producer can never run ahead of the work.
 */
export function createCoordinator(options: CoordinatorOptions): Coordinator {
  const { graph, tags, pool, tempDir } = options;
  const images = new Budget(options.jobs);
  const spool = new Budget(options.spoolBytes);
  const tools: JobTools = { graph, tags, pool, images, spool, tempDir };
  const lanes = new Lanes(options.lanes);
  const readiness = new Readiness();
  const running = new Set<JobHandle<unknown>>();
  let submitted = 0;
  let closed = false;

  async function submit<Kind extends Job>(job: Kind, given: SubmitOptions = {}): Promise<JobHandle<ResultOf<Kind>>> {
    if (closed) throw engineError('CANCELLED', 'the coordinator is closed', {});
    throwIfAborted(given.signal);
    await lanes.room(laneOf(job), given.signal);
    const handle = start(job, given);
    running.add(handle);
    const forget = (): void => void running.delete(handle);
    handle.done.then(forget, forget);
    return handle;
  }

  function start<Kind extends Job>(job: Kind, given: SubmitOptions): JobHandle<ResultOf<Kind>> {
    const id = `${job.type}-${++submitted}`;
    const stop = new AbortController();
    const deafen = onAbort(given.signal, () => stop.abort(given.signal?.reason));
    const progress: JobProgress = { state: 'waiting', totalBytes: null, bytesIn: 0, bytesOut: 0, entries: 0 };
    // Entered before the job is queued: what is submitted later may wait for it, never the other way round.
    const started = withResolvers<ResultOf<Kind>>();
    const before = readiness.enter(job, started.promise);
    const work = async (): Promise<ResultOf<Kind>> => {
      if (stop.signal.aborted) throw cancelled(stop.signal);
      progress.state = 'running';
      return runJob(tools, job, {
        signal: stop.signal,
        report: (counters) => Object.assign(progress, counters),
        expect: (bytes) => {
          progress.totalBytes = bytes;
        },
        warn: (message) => given.onWarning?.(message),
      });
    };
    // What waits for a parent waits outside the lane: in it, it could keep the parent out.
    const ready = before === null ? Promise.resolve() : before.catch(() => {});
    ready
      .then(() => lanes.run(laneOf(job), given.priority ?? 0, work))
      .finally(deafen)
      .then(
        (result) => {
          progress.state = 'done';
          started.resolve(result);
        },
        (error: unknown) => {
          const failure = asEngineError(error);
          progress.state = failure.kind === 'Cancelled' ? 'cancelled' : 'failed';
          started.reject(failure);
        },
      );
    started.promise.catch(() => {});
    return { id, done: started.promise, progress: () => ({ ...progress }), cancel: () => stop.abort() };
  }

  async function* run<Kind extends Job>(
    jobs: Iterable<Kind> | AsyncIterable<Kind>,
    given: SubmitOptions = {},
  ): AsyncGenerator<JobEvent<Kind, ResultOf<Kind>>> {
    const events: JobEvent<Kind, ResultOf<Kind>>[] = [];
    const handles = new Set<JobHandle<unknown>>();
    const stop = new AbortController();
    const signal = given.signal === undefined ? stop.signal : AbortSignal.any([given.signal, stop.signal]);
    let wake = (): void => {};
    const tell = (event: JobEvent<Kind, ResultOf<Kind>>): void => {
      events.push(event);
      wake();
    };
    let feeding = true;
    const feed = async (): Promise<void> => {
      let index = 0;
      for await (const job of jobs) {
        const at = index++;
        const handle = await submit(job, { ...given, signal });
        handles.add(handle);
        tell({ type: 'started', id: handle.id, index: at, job });
        void handle.done
          .then(
            (result) => tell({ type: 'done', id: handle.id, index: at, job, result }),
            (error: unknown) => tell({ type: 'failed', id: handle.id, index: at, job, error: asEngineError(error) }),
          )
          .finally(() => {
            handles.delete(handle);
            wake();
          });
      }
    };
    let failure: unknown = null;
    const fed = feed()
      .catch((error: unknown) => {
        failure = error;
      })
      .finally(() => {
        feeding = false;
        wake();
      });
    try {
      for (;;) {
        while (events.length > 0) yield events.shift()!;
        if (!feeding && handles.size === 0 && events.length === 0) break;
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (events.length > 0 || (!feeding && handles.size === 0)) resolve();
        });
      }
      if (failure !== null) throw asEngineError(failure);
    } finally {
      stop.abort();
      await fed;
      await Promise.allSettled([...handles].map((handle) => handle.done));
    }
  }

  async function close(): Promise<void> {
    closed = true;
    for (const handle of running) handle.cancel();
    await Promise.allSettled([...running].map((handle) => handle.done));
  }

  return { submit, run, close };
}

function withResolvers<Value>(): { promise: Promise<Value>; resolve(value: Value): void; reject(error: unknown): void } {
  let resolve: (value: Value) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<Value>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
