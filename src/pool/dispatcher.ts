import { engineError } from '../errors/kinds.ts';
import { fromWire } from '../errors/wire.ts';
import { Budget } from '../streams/byte-budget.ts';
import type { TaskReply, TaskRequest } from '../tasks/envelope.ts';
import type { TaskInput, TaskName, TaskOutput } from '../tasks/task-map.ts';
import type { RunOptions, TaskPool } from '../tasks/task-pool.ts';
import { RunningTask } from './running-task.ts';

/** Ten times a second: smooth for a person, and nothing for the machine. */
const SAMPLE_MS = 100;

/** Where requests are served: a set of threads, or this one. */
export interface Executor {
  /**
   * Resolves with the reply; rejects with an EngineError when the thread died, once it is gone. Aborting `kill` is the
   * last resort against a thread that does not answer.
   */
  execute(request: TaskRequest, job: string | undefined, kill: AbortController): Promise<TaskReply>;
  close(): Promise<void>;
}

export interface DispatcherOptions {
  /** How many tasks run at once. */
  threads: number;
  /** How many may wait for a thread; more are refused with LIMIT_EXCEEDED. */
  maxQueue: number;
  /** How long a cancelled task may take to answer, in milliseconds. */
  graceMs: number;
}

/** What all pools have in common: a queue, cancellation, samples of progress, warnings, and a way to end. */
export class Dispatcher implements TaskPool {
  readonly threads: number;
  readonly #executor: Executor;
  readonly #maxQueue: number;
  readonly #graceMs: number;
  readonly #seats: Budget;
  readonly #running = new Set<RunningTask>();
  readonly #unfinished = new Set<Promise<unknown>>();
  #sampler: NodeJS.Timeout | undefined;
  #closing: Promise<void> | null = null;

  constructor(executor: Executor, options: DispatcherOptions) {
    this.threads = options.threads;
    this.#executor = executor;
    this.#maxQueue = options.maxQueue;
    this.#graceMs = options.graceMs;
    this.#seats = new Budget(options.threads);
  }

  get idle(): number {
    return this.#seats.waiting > 0 ? 0 : this.threads - this.#seats.used;
  }

  run<Name extends TaskName>(name: Name, input: TaskInput<Name>, options: RunOptions = {}): Promise<TaskOutput<Name>> {
    const output = this.#perform(name, input, options);
    const forget = (): void => void this.#unfinished.delete(output);
    this.#unfinished.add(output);
    output.then(forget, forget);
    return output;
  }

  async #perform<Name extends TaskName>(
    name: Name,
    input: TaskInput<Name>,
    options: RunOptions,
  ): Promise<TaskOutput<Name>> {
    if (this.#seats.waiting >= this.#maxQueue) throw queueFull(this.#maxQueue);
    const leaveSeat = await this.#seats.acquire(1, options.signal, options.rank);
    const task = this.#start(options);
    try {
      const request: TaskRequest = { name, input, cell: task.cell.memory };
      const reply = (await this.#executor.execute(request, options.job, task.kill)) as TaskReply<Name>;
      task.deliverWarnings(reply);
      if (reply.ok) return reply.output;
      throw fromWire(reply.error);
    } finally {
      this.#end(task);
      leaveSeat();
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#stop();
    return this.#closing;
  }

  async #stop(): Promise<void> {
    this.#seats.close(engineError('CANCELLED', 'the pool is closed', {}));
    for (const task of this.#running) task.cancel();
    await Promise.allSettled(this.#unfinished);
    await this.#executor.close();
  }

  #start(options: RunOptions): RunningTask {
    const task = new RunningTask(options, this.#graceMs);
    this.#running.add(task);
    this.#sampler ??= setInterval(() => this.#sample(), SAMPLE_MS);
    if (this.#closing !== null) task.cancel();
    return task;
  }

  #end(task: RunningTask): void {
    task.end();
    this.#running.delete(task);
    if (this.#running.size > 0) return;
    clearInterval(this.#sampler);
    this.#sampler = undefined;
  }

  #sample(): void {
    for (const task of this.#running) task.sample();
  }
}

function queueFull(maxQueue: number): Error {
  return engineError('LIMIT_EXCEEDED', `more than ${maxQueue} tasks wait for a thread; submit them as others end`, {
    limit: 'maxQueue',
    allowed: maxQueue,
  });
}
