import { abortable } from './abort.ts';

/** Runs work one after the other per key, in the order of the calls. A key that nobody uses is forgotten. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>();

  /** Rejects as `work` does, or with CANCELLED when `signal` aborts before its turn; `work` is then never called. */
  async run<Value>(key: string, work: () => Promise<Value>, signal?: AbortSignal): Promise<Value> {
    const before = this.#tails.get(key);
    let open: () => void = () => {};
    const mine = new Promise<void>((resolve) => {
      open = resolve;
    });
    // Whoever comes next waits for those before us too, also when we give up waiting.
    const tail = before === undefined ? mine : before.then(() => mine);
    this.#tails.set(key, tail);
    try {
      if (before !== undefined) await abortable(before, signal);
      return await work();
    } finally {
      open();
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }
}
