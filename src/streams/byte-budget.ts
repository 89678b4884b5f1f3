import { cancelled, onAbort } from './abort.ts';

const WAITING = 'cancelled while waiting for room';

interface Waiter {
  amount: number;
  rank: number;
  admit(): void;
  refuse(error: unknown): void;
}

/**
 * A counted amount of something scarce (bytes in flight, threads), lent first come, first served, so that a large
 * request is never starved by small ones; who comes with a higher rank goes before those of a lower one. A request for
 * more than everything is lent everything, alone.
 */
export class Budget {
  readonly capacity: number;
  readonly #waiters: Waiter[] = [];
  #used = 0;
  #closed: unknown = null;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get used(): number {
    return this.#used;
  }

  get waiting(): number {
    return this.#waiters.length;
  }

  /**
   * Waits for `amount` and answers the function that gives it back (calling it twice is no error). Rejects with
   * CANCELLED when `signal` aborts first, and with the error of `close`.
   */
  acquire(amount: number, signal?: AbortSignal, rank = 0): Promise<() => void> {
    if (this.#closed !== null) return Promise.reject(this.#closed);
    if (signal?.aborted === true) return Promise.reject(cancelled(signal, WAITING));
    const lent = Math.min(amount, this.capacity);
    if (this.#waiters.length === 0 && this.#fits(lent)) return Promise.resolve(this.#lend(lent));
    return this.#wait(lent, signal, rank);
  }

  /** Refuses everyone who waits, and everyone from now on, with `error`. What is lent stays lent. */
  close(error: unknown): void {
    this.#closed = error;
    for (const waiter of this.#waiters.splice(0)) waiter.refuse(error);
  }

  #wait(amount: number, signal: AbortSignal | undefined, rank: number): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        amount,
        rank,
        admit: () => {
          deafen();
          resolve(this.#lend(amount));
        },
        refuse: (error) => {
          deafen();
          reject(error);
        },
      };
      const behind = this.#waiters.findIndex((other) => other.rank < rank);
      this.#waiters.splice(behind < 0 ? this.#waiters.length : behind, 0, waiter);
      const deafen = onAbort(signal, () => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        waiter.refuse(cancelled(signal, WAITING));
        this.#admitWaiters();
      });
    });
  }

  #fits(amount: number): boolean {
    return this.#used + amount <= this.capacity;
  }

  #lend(amount: number): () => void {
    this.#used += amount;
    let lent = true;
    return () => {
      if (!lent) return;
      lent = false;
      this.#used -= amount;
      this.#admitWaiters();
    };
  }

  #admitWaiters(): void {
    while (this.#waiters.length > 0 && this.#fits(this.#waiters[0]!.amount)) this.#waiters.shift()!.admit();
  }
}
