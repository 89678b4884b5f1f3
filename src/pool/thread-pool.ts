import { createRequire } from 'node:module';
import type { Worker } from 'node:worker_threads';
import type * as Piscinas from 'piscina';
import { engineError } from '../errors/kinds.ts';
import type { EngineError } from '../errors/engine-error.ts';
import type { TaskReply, TaskRequest } from '../tasks/envelope.ts';
import type { TaskPool } from '../tasks/task-pool.ts';
import { Dispatcher, type Executor } from './dispatcher.ts';
import { DEFAULT_GRACE_MS, DEFAULT_HEAP_MIB, DEFAULT_MAX_QUEUE } from './limits.ts';
import { workerEntry } from './worker-entry.ts';

export interface ThreadPoolOptions {
  threads: number;
  /** URL or path of a module whose default export is `serve(handlers)`. */
  entry?: string;
  maxQueue?: number;
  /** How long a cancelled task may take to answer before its thread is ended, in milliseconds. */
  graceMs?: number;
  /** Heap of each thread in MiB; buffers are not part of it. */
  heapMib?: number;
  /** Now, so that the first task finds them ready, which is the default, or with the first task, if there is one. */
  start?: 'now' | 'with-first-task';
}

/** A pool of worker threads, one task each. */
export function createThreadPool(options: ThreadPoolOptions): TaskPool {
  const executor = options.start === 'with-first-task' ? new LateThreads(options) : new Threads(options);
  return new Dispatcher(executor, {
    threads: options.threads,
    maxQueue: options.maxQueue ?? DEFAULT_MAX_QUEUE,
    graceMs: options.graceMs ?? DEFAULT_GRACE_MS,
  });
}

/** Threads that nobody has to wait for who gives them nothing to do. */
class LateThreads implements Executor {
  readonly #options: ThreadPoolOptions;
  #threads: Threads | null = null;

  constructor(options: ThreadPoolOptions) {
    this.#options = options;
  }

  execute(request: TaskRequest, job: string | undefined, kill: AbortController): Promise<TaskReply> {
    this.#threads ??= new Threads(this.#options);
    return this.#threads.execute(request, job, kill);
  }

  async close(): Promise<void> {
    await this.#threads?.close();
  }
}

class Threads implements Executor {
  readonly #piscina: Piscinas.Piscina<TaskRequest, TaskReply>;
  /** Every thread that has not exited yet, in the pool or on its way out of it. */
  readonly #exits = new Map<Worker, Promise<void>>();
  /** Threads that are still loading their modules. */
  readonly #loading = new Set<Promise<void>>();
  readonly #inFlight = new Set<AbortController>();
  #startFailure: unknown = null;

  constructor(options: ThreadPoolOptions) {
    // Finding its modules takes 15 ms, which who needs no threads need not wait for.
    const { Piscina } = createRequire(import.meta.url)('piscina') as typeof Piscinas;
    this.#piscina = new Piscina({
      filename: options.entry ?? workerEntry(),
      minThreads: options.threads,
      maxThreads: options.threads,
      idleTimeout: Infinity,
      concurrentTasksPerWorker: 1,
      // A parked thread would freeze whatever a task left un-awaited, and the fast path gains nothing here.
      atomics: 'disabled',
      recordTiming: false,
      resourceLimits: { maxOldGenerationSizeMb: options.heapMib ?? DEFAULT_HEAP_MIB },
      // What the main program was started with (loaders, inspectors) is not a thread's business.
      execArgv: [],
    });
    this.#watchNew();
    this.#piscina.on('workerDestroy', () =>
      queueMicrotask(() => {
        this.#watchNew();
        this.#checkAnyLeft();
      }),
    );
    this.#piscina.on('error', (error) => {
      this.#startFailure = error;
    });
  }

  async execute(request: TaskRequest, job: string | undefined, kill: AbortController): Promise<TaskReply> {
    this.#inFlight.add(kill);
    try {
      return await this.#piscina.run(request, { signal: kill.signal });
    } catch (cause) {
      await this.#deadAreGone();
      throw this.#deathOf(request.name, job, cause);
    } finally {
      this.#inFlight.delete(kill);
    }
  }

  /** Node aborts the whole process when a thread is ended in the middle of loading a module: so it may finish that. */
  async close(): Promise<void> {
    await Promise.all(this.#loading);
    await this.#piscina.destroy();
  }

  /** Threads are made with the pool, and in the place of one that has died. */
  #watchNew(): void {
    for (const worker of this.#piscina.threads) {
      if (this.#exits.has(worker)) continue;
      const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
      this.#exits.set(
        worker,
        exited.then(() => void this.#exits.delete(worker)),
      );
      // The first thing that a thread says is that it is ready.
      const loaded = Promise.race([exited, new Promise<void>((resolve) => worker.once('message', () => resolve()))]);
      this.#loading.add(loaded);
      void loaded.then(() => this.#loading.delete(loaded));
    }
  }

  /** Resolves when threads that have left the pool have exited: only then is what they wrote nobody's. */
  async #deadAreGone(): Promise<void> {
    const living = new Set(this.#piscina.threads);
    const dying = [...this.#exits].filter(([worker]) => !living.has(worker));
    await Promise.all(dying.map(([, exit]) => exit));
  }

  /** Threads that die while they load are not started again: a task that waits for one would wait for ever. */
  #checkAnyLeft(): void {
    if (this.#piscina.threads.length > 0) return;
    this.#startFailure ??= new Error('every worker thread ended while it loaded');
    for (const kill of this.#inFlight) kill.abort(this.#startFailure);
  }

  #deathOf(task: string, job: string | undefined, cause: unknown): EngineError {
    const what = job === undefined ? `task ${task}` : `task ${task} of job ${job}`;
    const { code, name } = cause as { code?: unknown; name?: unknown };
    if (code === 'ERR_WORKER_OUT_OF_MEMORY') {
      return engineError('TASK_OUT_OF_MEMORY', `out of memory in ${what}; the other tasks go on`, { task }, cause);
    }
    if (name === 'AbortError' && this.#piscina.threads.length > 0) {
      return engineError('CANCELLED', `${what} was cancelled, did not answer, and its thread was ended`, {}, cause);
    }
    return engineError('TASK_CRASHED', `the thread of ${what} died: ${reasonOf(cause)}`, { task }, cause);
  }
}

function reasonOf(cause: unknown): string {
  if (cause instanceof Error && cause.name === 'AbortError' && cause.cause instanceof Error) return cause.cause.message;
  return cause instanceof Error ? cause.message : String(cause);
}
