import { DEFAULT_LIMITS } from '../../src/archive/limits.ts';
import { createCoordinator, type Coordinator, type CoordinatorOptions } from '../../src/coordinator/coordinator.ts';
import type { RegisterJob } from '../../src/coordinator/jobs/register.ts';
import type { EngineError } from '../../src/errors/engine-error.ts';
import { isEngineError } from '../../src/errors/kinds.ts';
import type { Graph } from '../../src/graph/graph.ts';
import type { RegisterOptions } from '../../src/graph/register.ts';
import type { Image } from '../../src/graph/image.ts';
import type { TagStore } from '../../src/graph/tag-store.ts';
import { onAbort, cancelled } from '../../src/streams/abort.ts';
import { SpoolBudget } from '../../src/streams/spool-budget.ts';
import type { TaskPool } from '../../src/tasks/task-pool.ts';

/** A register that has begun, and that the test lets end. */
export interface Begun {
  id: string;
  options: RegisterOptions;
  finish(): void;
  fail(error: Error): void;
}

/** Registers of a graph that does nothing by itself; an aborted one ends by itself, as a real one does. */
export class FakeGraph {
  readonly begun: Begun[] = [];
  running = 0;
  mostRunning = 0;
  #changed: () => void = () => {};

  register(image: { id: string }, _layer: unknown, options: RegisterOptions): Promise<Image> {
    this.running++;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    return new Promise<Image>((resolve, reject) => {
      const deafen = onAbort(options.signal, () => setImmediate(() => reject(cancelled(options.signal))));
      const finish = (): void => {
        deafen();
        resolve({ id: image.id } as Image);
      };
      this.begun.push({ id: image.id, options, finish, fail: reject });
      this.#changed();
    }).finally(() => this.running--);
  }

  /** Resolves when `count` registers have begun in all. */
  async untilBegun(count: number): Promise<Begun> {
    while (this.begun.length < count) await new Promise<void>((resolve) => (this.#changed = resolve));
    return this.begun[count - 1]!;
  }

  /** Ends every register as soon as it begins. */
  finishAll(): void {
    for (const begun of this.begun) begun.finish();
    const push = this.begun.push.bind(this.begun);
    this.begun.push = (...begun) => {
      for (const { finish } of begun) setImmediate(finish);
      return push(...begun);
    };
  }
}

export function coordinate(graph: FakeGraph, lanes: CoordinatorOptions['lanes'] = { io: 2, cpu: 1 }): Coordinator {
  return createCoordinator({
    store: { graph: graph as unknown as Graph, tags: null as unknown as TagStore },
    limits: DEFAULT_LIMITS,
    pool: null as unknown as TaskPool,
    jobs: 2,
    lanes,
    spool: new SpoolBudget(1000),
    tempDir: '/nonexistent',
  });
}

export function registerJob(id: string, parent = ''): RegisterJob {
  return { type: 'register', image: { id, parent }, layer: null };
}

/** The error that a promise rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<EngineError> {
  const outcome = await promise.then(
    () => new Error('expected a failure'),
    (error: unknown) => error,
  );
  if (isEngineError(outcome)) return outcome;
  throw outcome;
}

/** Lets everything that can happen by itself happen. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}
