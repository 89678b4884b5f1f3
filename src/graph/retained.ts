import type { HeldLock } from '../streams/lock-file.ts';

/**
 * Locks an image that is there, for as long as it has its id: shared by those who use it, exclusive for whoever removes
 * it. Null when it is not there, or others are in the way.
 */
export type LockImage = (id: string, mode: 'shared' | 'exclusive') => HeldLock | null;

/**
 * Images that somebody uses at the moment: they cannot be removed. Whoever uses one holds it, and with it all its
 * ancestors, for an image that others are built on never goes.
 *
 * Within this process a count says so. Other processes see a shared lock on a file of the image, which goes with its
 * holder however that ends. Where the system has no locks, other processes are not kept from removing anything.
 */
export class Retained {
  readonly #lockImage: LockImage;
  readonly #counts = new Map<string, number>();
  readonly #locks = new Map<string, HeldLock>();
  readonly #claims = new Map<string, HeldLock>();

  constructor(lockImage: LockImage) {
    this.#lockImage = lockImage;
  }

  /**
   * Keeps an image, also one that is still to come, until the answered function is called; calling it twice is no error.
   * Other processes see that only after `hold`, or when this process commits the image.
   */
  retain(id: string): () => void {
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const left = (this.#counts.get(id) ?? 1) - 1;
      if (left > 0) this.#counts.set(id, left);
      else this.#drop(id);
    };
  }

  isRetained(id: string): boolean {
    return this.#counts.has(id);
  }

  /** Keeps other processes too from removing an image that is retained. False when it is not there, or just going. */
  hold(id: string): boolean {
    if (this.#locks.has(id)) return true;
    const lock = this.#lockImage(id, 'shared');
    if (lock !== null) this.#locks.set(id, lock);
    return lock !== null;
  }

  /**
   * Says that an image is about to go: until the answered function is called nobody begins to use it. Null when somebody
   * does already. Who has claimed it may do so again.
   */
  claim(id: string): (() => void) | null {
    if (this.#claims.has(id)) return () => {};
    if (this.isRetained(id)) return null;
    const lock = this.#lockImage(id, 'exclusive');
    if (lock === null) return null;
    this.#claims.set(id, lock);
    return () => {
      this.#claims.delete(id);
      lock.release();
    };
  }

  #drop(id: string): void {
    this.#counts.delete(id);
    this.#locks.get(id)?.release();
    this.#locks.delete(id);
  }
}
