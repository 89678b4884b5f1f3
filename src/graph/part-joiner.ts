import type { CompressionProfile } from '../compression/codec.ts';
import type { BlobDigest, JoinedParts, JoinParts } from '../tasks/task-map.ts';
import type { RunOptions, TaskPool } from '../tasks/task-pool.ts';

type Part = JoinParts['parts'][number];

/** Joins packed parts in order while later ones are still being made, so that little is left to do after the last. */
export class PartJoiner {
  /** Resolves when all parts are in the file; rejects with the first failure of a join. */
  readonly joined: Promise<BlobDigest>;
  readonly #pool: TaskPool;
  readonly #file: { profile: CompressionProfile; to: string; count: number };
  readonly #options: () => RunOptions;
  readonly #waiting = new Map<number, Part>();
  #next = 0;
  #soFar: JoinedParts | null = null;
  /** While a join runs, and for good after one that failed. */
  #busy = false;
  #running: Promise<void> = Promise.resolve();
  #finish!: (blob: BlobDigest) => void;
  #fail!: (error: unknown) => void;

  /** `options` is asked for each task. */
  constructor(
    pool: TaskPool,
    file: { profile: CompressionProfile; to: string; count: number },
    options: () => RunOptions,
  ) {
    this.#pool = pool;
    this.#file = file;
    this.#options = options;
    this.joined = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
    // Whoever made the parts may fail before anybody waits for them.
    this.joined.catch(() => {});
  }

  /** Hands over part number `index`. */
  add(index: number, part: Part): void {
    this.#waiting.set(index, part);
    if (this.#busy) return;
    this.#busy = true;
    this.#running = this.#joinReady();
  }

  /** Resolves when no task of it runs any more; nothing may be added afterwards. */
  async ended(): Promise<void> {
    await this.#running;
  }

  async #joinReady(): Promise<void> {
    try {
      for (let parts = this.#takeReady(); parts.length > 0; parts = this.#takeReady()) {
        const { profile, to, count } = this.#file;
        const last = this.#next === count;
        const input = { parts, joined: this.#soFar, last, profile, to };
        this.#soFar = await this.#pool.run('layer.join', input, this.#options());
      }
      // In the same turn as the last look at what is ready: what is added from now on finds nobody at work.
      this.#busy = false;
      const { digest, size } = this.#soFar ?? { digest: null, size: 0 };
      if (digest !== null) this.#finish({ digest, size });
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The parts that are next in order. */
  #takeReady(): Part[] {
    const ready: Part[] = [];
    for (let part = this.#waiting.get(this.#next); part !== undefined; part = this.#waiting.get(this.#next)) {
      this.#waiting.delete(this.#next++);
      ready.push(part);
    }
    return ready;
  }
}
