import { asEngineError } from '../errors/wire.ts';
import { abortable, onAbort } from '../streams/abort.ts';
import { EventQueue } from './event-queue.ts';
import type { JobEvent, JobHandle, SubmitOptions } from './job.ts';

/** Events that may wait for their reader before no more jobs are taken: a slow reader must not make a long list. */
const MAX_UNREAD = 64;

export type Jobs<Job> = Iterable<Job> | AsyncIterable<Job>;
type Submit<Job, Result> = (job: Job, options: SubmitOptions) => Promise<JobHandle<Result>>;

/**
 * Submits jobs one after the other, each when there is room, and yields what becomes of them as it happens. A job that
 * fails is an event; only a failure of `jobs` itself is thrown, when everything submitted has ended. Whoever leaves the
 * iteration cancels what is left, and has waited for its end.
 */
export async function* runJobs<Job, Result>(
  submit: Submit<Job, Result>,
  jobs: Jobs<Job>,
  given: SubmitOptions,
): AsyncGenerator<JobEvent<Job, Result>> {
  const stop = new AbortController();
  const deafen = onAbort(given.signal, () => stop.abort(given.signal?.reason));
  const events = new EventQueue<JobEvent<Job, Result>>(MAX_UNREAD);
  const feeding = feed(submit, jobs, { ...given, signal: stop.signal }, events);
  try {
    yield* events.read();
  } finally {
    stop.abort();
    await feeding;
    deafen();
  }
}

type Feeding = SubmitOptions & { signal: AbortSignal };

async function feed<Job, Result>(
  submit: Submit<Job, Result>,
  jobs: Jobs<Job>,
  options: Feeding,
  events: EventQueue<JobEvent<Job, Result>>,
): Promise<void> {
  const unfinished = new Set<Promise<void>>();
  let failure: Error | null = null;
  try {
    let index = 0;
    for await (const job of untilAborted(jobs, options.signal)) {
      const { ended } = await start(submit, job, index++, options, events);
      unfinished.add(ended);
      void ended.then(() => unfinished.delete(ended));
      await events.room(options.signal);
    }
  } catch (error) {
    failure = asEngineError(error);
  }
  await Promise.all(unfinished);
  events.end(failure);
}

/** Resolves when the job was admitted, with the promise of its end; that one never rejects. */
async function start<Job, Result>(
  submit: Submit<Job, Result>,
  job: Job,
  index: number,
  options: Feeding,
  events: EventQueue<JobEvent<Job, Result>>,
): Promise<{ ended: Promise<void> }> {
  const onStart = (id: string): void => events.push({ type: 'started', id, index, job });
  const { id, done } = await submit(job, { ...options, onStart });
  const ended = done.then(
    (result) => events.push({ type: 'done', id, index, job, result }),
    (error: unknown) => events.push({ type: 'failed', id, index, job, error: asEngineError(error) }),
  );
  return { ended };
}

/** The jobs, as long as nobody aborts; a source that is late with the next one is not waited for after that. */
async function* untilAborted<Job>(jobs: Jobs<Job>, signal: AbortSignal): AsyncGenerator<Job> {
  const iterator = Symbol.asyncIterator in jobs ? jobs[Symbol.asyncIterator]() : jobs[Symbol.iterator]();
  try {
    for (;;) {
      const next = await abortable(Promise.resolve(iterator.next()), signal);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // Not awaited: a generator that hangs in `next` would never answer.
    Promise.resolve(iterator.return?.()).catch(() => {});
  }
}
