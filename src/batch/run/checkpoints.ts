/** Runs checkpoints of one destination one after the other; all who ask while one runs share the next. */
export class Checkpoints {
  readonly #work: () => Promise<void>;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  /** Resolves when a checkpoint that began after this call has ended. */
  next(): Promise<void> {
    if (this.#next !== null) return this.#next;
    const before = this.#running ?? Promise.resolve();
    const mine = before
      .catch(() => {})
      .then(() => {
        this.#next = null;
        this.#running = this.#work();
        return this.#running;
      });
    this.#next = mine;
    return mine;
  }
}
