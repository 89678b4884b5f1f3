import type { LayerWatch } from '../../coordinator/copy/layer-watch.ts';
import { StageSum } from '../../tasks/stage-times.ts';
import type { TaskProgress } from '../../tasks/task-cell.ts';
import type { Stages } from '../ledger/ledger.ts';

/** How one layer comes on. */
export class LayerMeter implements LayerWatch {
  readonly #tasks = new StageSum();
  readonly #outside = { read: 0, write: 0, wait: 0 };
  /** Bytes of it that have been read so far. */
  done = 0;

  /** Milliseconds by stage so far, over all threads. */
  get stages(): Stages {
    const { read, write, ...others } = this.#tasks.total;
    const outside = this.#outside;
    const all = { ...others, read: read + outside.read, write: write + outside.write, wait: outside.wait };
    return Object.fromEntries(Object.entries(all).map(([stage, ms]) => [stage, Math.round(ms)]));
  }

  bytes(count: number): void {
    this.done = count;
  }

  task(): (progress: TaskProgress) => void {
    return this.#tasks.task();
  }

  spent(stage: 'read' | 'write' | 'wait', ms: number): void {
    this.#outside[stage] += ms;
  }
}
