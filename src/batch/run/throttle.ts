import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { TaskPool } from '../../tasks/task-pool.ts';

/** What this machine bears: layers at once. */
export interface Throttle {
  readonly limit: number;
  /** To be called now and then: looks at the machine, and adapts. */
  adapt(active: number): void;
  close(): void;
}

/** The event loop answers later than this only when the main thread has too much to do. */
const SLOW_LOOP_MS = 100;
const LOOK_EVERY_MS = 500;

/**
 * More layers at once while threads have nothing to do, as when all layers are being fetched; half as many when the event
 * loop is late. With a number from the person, always that.
 */
export function openThrottle(pool: Pick<TaskPool, 'threads' | 'idle'>, asked: number | undefined): Throttle {
  if (asked !== undefined) return { limit: asked, adapt: () => {}, close: () => {} };
  return new AdaptiveThrottle(pool);
}

class AdaptiveThrottle implements Throttle {
  limit: number;
  readonly #pool: Pick<TaskPool, 'threads' | 'idle'>;
  readonly #most: number;
  readonly #loop: IntervalHistogram = monitorEventLoopDelay({ resolution: 10 });
  #looked = performance.now();

  constructor(pool: Pick<TaskPool, 'threads' | 'idle'>) {
    this.#pool = pool;
    this.limit = pool.threads + 2;
    this.#most = 4 * pool.threads + 16;
    this.#loop.enable();
  }

  adapt(active: number): void {
    const now = performance.now();
    if (now - this.#looked < LOOK_EVERY_MS) return;
    this.#looked = now;
    const late = this.#loop.percentile(99) / 1e6 > SLOW_LOOP_MS;
    this.#loop.reset();
    if (late) this.limit = Math.max(this.#pool.threads, Math.floor(this.limit / 2));
    else if (active >= this.limit && this.#pool.idle > 0) this.limit = Math.min(this.#most, this.limit + 1);
  }

  close(): void {
    this.#loop.disable();
  }
}
