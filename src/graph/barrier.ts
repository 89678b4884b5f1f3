import { syncDirectory } from '../streams/atomic-file.ts';
import type { System } from '../system/system.ts';

/** When commits are on the disk: groups of them together, each by itself, or when the system likes. */
export type Durability = 'batch' | 'layer' | 'none';

/** Everything that was written to a file system before, made durable; calls that come together share one. */
export class Barrier {
  readonly #path: string;
  readonly #system: System;
  readonly #durability: Durability;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  constructor(path: string, system: System, durability: Durability) {
    this.#path = path;
    this.#system = system;
    this.#durability = durability;
  }

  /** Resolves when all that had been written when it was called is on the disk. */
  async pass(): Promise<void> {
    if (this.#durability === 'none') return;
    if (this.#running === null) {
      this.#running = this.#sync();
      await this.#running;
      return;
    }
    // The one that runs may have missed our writes; the one after it will not.
    this.#next ??= this.#running.then(() => {
      this.#next = null;
      this.#running = this.#sync();
      return this.#running;
    });
    await this.#next;
  }

  async #sync(): Promise<void> {
    try {
      if ((await this.#system.syncFileSystem(this.#path)) < 0) await syncDirectory(this.#path);
    } finally {
      this.#running = null;
    }
  }
}
