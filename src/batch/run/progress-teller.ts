import type { BatchProgress } from '../events.ts';
import type { ItemState, LedgerRow } from '../ledger/ledger.ts';
import type { Plan } from '../plan/plan.ts';
import type { BatchRun, EventBody } from './batch-run.ts';

type Tell = (event: EventBody) => void;

interface Counts {
  done: number;
  failed: number;
  total: number;
}

const EVERY_MS = 500;
/** The rate is that of so many looks. */
const LOOKS = 20;

/** Counts what a run does, and tells how far it is, twice a second and at the end. */
export class ProgressTeller {
  readonly #tell: Tell;
  readonly #states: Map<string, ItemState>;
  readonly #sizes: ReadonlyMap<string, number>;
  readonly #started = performance.now();
  readonly #looks: { at: number; bytes: number }[] = [];
  readonly #images: Counts;
  readonly #layers: Counts;
  #doneBytes: number;
  #sentBytes = 0;
  #run: BatchRun | null = null;

  constructor(plan: Plan, rows: readonly LedgerRow[], tell: Tell) {
    this.#tell = tell;
    this.#states = new Map(rows.map((row) => [row.item.key, row.state]));
    this.#sizes = new Map(plan.blobs.map(({ key, size }) => [key, size ?? 0]));
    this.#images = this.#count(plan.images);
    this.#layers = this.#count(plan.blobs);
    const settled = plan.blobs.filter(({ key }) => this.#states.get(key) === 'done');
    this.#doneBytes = settled.reduce((sum, { size }) => sum + (size ?? 0), 0);
  }

  /** Passes an event on, and counts it. */
  pass(event: EventBody): void {
    if (event.type === 'layer-done') {
      this.#settle(this.#layers, event.key, 'done');
      this.#doneBytes += this.#sizes.get(event.key) ?? 0;
      this.#sentBytes += event.sent;
    }
    if (event.type === 'image-done') this.#settle(this.#images, event.key, 'done');
    if (event.type === 'layer-failed' && event.retryInMs === null) this.#settle(this.#layers, event.key, 'failed');
    if (event.type === 'image-failed' && event.retryInMs === null && this.#states.has(event.key))
      this.#settle(this.#images, event.key, 'failed');
    this.#tell(event);
  }

  /** Tells how far a run is until it has ended. */
  async during(run: BatchRun): Promise<void> {
    this.#run = run;
    const timer = setInterval(() => this.#tell({ type: 'progress', ...this.progress() }), EVERY_MS);
    try {
      await run.run();
    } finally {
      clearInterval(timer);
      this.#run = null;
    }
  }

  finish(isInterrupted: boolean): void {
    const failed = this.#images.failed > 0 ? 'failed' : 'done';
    this.#tell({ type: 'finished', outcome: isInterrupted ? 'interrupted' : failed, progress: this.progress() });
  }

  progress(): BatchProgress {
    const active = [...(this.#run?.active() ?? [])].map(({ key, blob: { digest, size }, bytes }) => ({
      key,
      label: digest,
      bytes: size === null ? bytes : Math.min(bytes, size),
      totalBytes: size,
    }));
    const done = this.#doneBytes + active.reduce((sum, { bytes }) => sum + bytes, 0);
    const total = [...this.#sizes.values()].reduce((sum, size) => sum + size, 0);
    const rate = this.#rate(done);
    return {
      images: { ...this.#images },
      layers: { ...this.#layers },
      bytes: { done, total },
      sentBytes: this.#sentBytes,
      bytesPerSecond: rate,
      etaSeconds: rate === null || rate === 0 ? null : Math.round((total - done) / rate),
      elapsedSeconds: Math.round(performance.now() - this.#started) / 1000,
      active,
    };
  }

  #count(things: readonly { key: string }[]): Counts {
    const done = things.filter(({ key }) => this.#states.get(key) === 'done').length;
    return { done, failed: 0, total: things.length };
  }

  #settle(counts: Counts, key: string, state: 'done' | 'failed'): void {
    if (this.#states.get(key) === state) return;
    this.#states.set(key, state);
    counts[state] += 1;
  }

  #rate(bytes: number): number | null {
    const at = performance.now();
    this.#looks.push({ at, bytes });
    if (this.#looks.length > LOOKS) this.#looks.shift();
    const first = this.#looks[0]!;
    return at - first.at < EVERY_MS ? null : Math.max(0, Math.round(((bytes - first.bytes) * 1000) / (at - first.at)));
  }
}
