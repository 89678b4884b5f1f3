import type { BatchProgress } from '../events.ts';
import type { LedgerRow } from '../ledger/ledger.ts';
import type { Plan } from '../plan/plan.ts';
import { BatchTally, type CountedEvent } from '../progress.ts';
import type { BatchRun, EventBody } from './batch-run.ts';

type Tell = (event: EventBody) => void;

const EVERY_MS = 500;

/** Counts what a run does, and tells how far it is, twice a second and at the end. */
export class ProgressTeller {
  readonly #tell: Tell;
  readonly #tally: BatchTally;
  #run: BatchRun | null = null;
  /** A destination that could not be finished is none of the images that are counted. */
  #hasFailed = false;

  constructor(plan: Plan, rows: readonly LedgerRow[], tell: Tell) {
    const done = new Set(rows.filter(({ state }) => state === 'done').map(({ item }) => item.key));
    this.#tell = tell;
    this.#tally = new BatchTally({
      images: plan.images.map(({ key }) => ({ key, isDone: done.has(key) })),
      layers: plan.blobs.map(({ key, size }) => ({ key, bytes: size ?? 0, isDone: done.has(key) })),
    });
  }

  /** Passes an event on, and counts it. */
  pass(event: EventBody): void {
    if (isCounted(event)) this.#tally.note(event);
    if (event.type === 'image-failed') this.#hasFailed ||= event.retryInMs === null;
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
    const progress = this.progress();
    const failed = this.#hasFailed ? 'failed' : 'done';
    this.#tell({ type: 'finished', outcome: isInterrupted ? 'interrupted' : failed, progress });
  }

  progress(): BatchProgress {
    for (const { key, bytes } of this.#run?.active() ?? []) this.#tally.advance(key, bytes);
    return this.#tally.progress();
  }
}

function isCounted(event: EventBody): event is CountedEvent {
  return (
    event.type === 'layer-started' ||
    event.type === 'layer-done' ||
    event.type === 'layer-failed' ||
    event.type === 'image-done' ||
    event.type === 'image-failed'
  );
}
