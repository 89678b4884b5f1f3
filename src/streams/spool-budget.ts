import { cancelled, onAbort } from './abort.ts';

interface Waiter {
  share: SpoolShare;
  bytes: number;
  admit(): void;
}

/**
 * Bytes of temporary files on the disk at once, over all who make them. A file grows while it is written, so its writer
 * holds a part while it waits for more, and two of them could wait for each other for ever. Therefore the oldest holder
 * never waits: it alone goes beyond the bound, comes to its end, and gives back what it holds. Who holds something and
 * waits for others in another way steps aside first; then the next one is the oldest.
 */
export class SpoolBudget {
  readonly capacity: number;
  /** Who asked for bytes and has neither given them back nor stepped aside, in the order they came. */
  readonly #holders = new Set<SpoolShare>();
  readonly #waiters: Waiter[] = [];
  #used = 0;
  #peak = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get used(): number {
    return this.#used;
  }

  /** The most that was ever used. */
  get peak(): number {
    return this.#peak;
  }

  /** For the files of one piece of work. It holds nothing yet; every share is released in the end. */
  share(): SpoolShare {
    return new SpoolShare(this);
  }

  /** Waits for a size that is known before; answers what gives it back. Rejects with CANCELLED. */
  async acquire(bytes: number, signal?: AbortSignal): Promise<() => void> {
    const share = this.share();
    try {
      await share.grow(bytes, signal);
    } catch (error) {
      share.release();
      throw error;
    }
    return () => share.release();
  }

  /** For shares only: waits for room, and takes it. First come, first served, but for the oldest holder. */
  take(share: SpoolShare, bytes: number, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(cancelled(signal));
    this.#holders.add(share);
    if (this.#isOldest(share) || (this.#waiters.length === 0 && this.#fits(bytes))) {
      this.count(bytes);
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        share,
        bytes,
        admit: () => {
          deafen();
          this.count(bytes);
          resolve();
        },
      };
      this.#waiters.push(waiter);
      const deafen = onAbort(signal, () => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(cancelled(signal));
        this.#admit();
      });
    });
  }

  /** For shares only: counts bytes that are there, or with a negative number are gone. */
  count(bytes: number): void {
    this.#used += bytes;
    this.#peak = Math.max(this.#peak, this.#used);
    if (bytes < 0) this.#admit();
  }

  /** For shares only: this one is nobody whose end others can count on. */
  stepAside(share: SpoolShare): void {
    if (this.#holders.delete(share)) this.#admit();
  }

  #isOldest(share: SpoolShare): boolean {
    return this.#holders.values().next().value === share;
  }

  #fits(bytes: number): boolean {
    return this.#used + bytes <= this.capacity;
  }

  #admit(): void {
    for (;;) {
      const oldest = this.#waiters.findIndex(({ share }) => this.#isOldest(share));
      const next = oldest >= 0 ? oldest : this.#waiters.length > 0 && this.#fits(this.#waiters[0]!.bytes) ? 0 : -1;
      if (next < 0) return;
      this.#waiters.splice(next, 1)[0]!.admit();
    }
  }
}

/** What one piece of work holds of the budget. */
export class SpoolShare {
  readonly #budget: SpoolBudget;
  #held = 0;
  #released = false;

  constructor(budget: SpoolBudget) {
    this.#budget = budget;
  }

  /** Waits until this many bytes more may be written. Rejects with CANCELLED. */
  async grow(bytes: number, signal?: AbortSignal): Promise<void> {
    await this.#budget.take(this, bytes, signal);
    this.#held += bytes;
    // Given up while it waited: nobody would give it back.
    if (this.#released) this.#giveBack(bytes);
  }

  /** Counts bytes that were written where nothing can wait, in a thread; negative: that were removed. */
  add(bytes: number): void {
    if (this.#released) return;
    this.#held += bytes;
    this.#budget.count(bytes);
  }

  /** From now on this work waits for others, or for its caller: it keeps what it holds, and nobody waits for its end. */
  stepAside(): void {
    this.#budget.stepAside(this);
  }

  /** Gives everything back. Calling it twice is no error. */
  release(): void {
    this.#released = true;
    this.#budget.stepAside(this);
    this.#giveBack(this.#held);
  }

  #giveBack(bytes: number): void {
    this.#held -= bytes;
    this.#budget.count(-bytes);
  }
}
