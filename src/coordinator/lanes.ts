import PQueue from 'p-queue';
import { abortable } from '../streams/abort.ts';

/** Jobs that mostly wait for the disk, and jobs that mostly compute. */
export type LaneName = 'io' | 'cpu';

/** Jobs waiting in a lane beside those that run: enough that a lane never stands still between two of them. */
const WAITING = 2;

/** Two queues with room for a few: who submits more waits, and that is the backpressure. */
export class Lanes {
  readonly #queues: Record<LaneName, PQueue>;

  constructor(widths: Record<LaneName, number>) {
    this.#queues = { io: new PQueue({ concurrency: widths.io }), cpu: new PQueue({ concurrency: widths.cpu }) };
  }

  /** Resolves when the lane has room. */
  async room(lane: LaneName, signal?: AbortSignal): Promise<void> {
    await abortable(this.#queues[lane].onSizeLessThan(WAITING), signal);
  }

  /** Queues work; a higher priority runs earlier. */
  run<Value>(lane: LaneName, priority: number, work: () => Promise<Value>): Promise<Value> {
    return this.#queues[lane].add(work, { priority });
  }

  async idle(): Promise<void> {
    await Promise.all([this.#queues.io.onIdle(), this.#queues.cpu.onIdle()]);
  }
}
