import { isEngineError } from '../../errors/kinds.ts';

/** Told when the whole group is durable. */
type Tell = () => void;

interface Waiting {
  run(): Tell;
  reject(reason: unknown): void;
}

/** Writes that share one transaction, and so one wait for the disk. */
export class WriteGroup {
  readonly #transaction: <Value>(work: () => Value) => Value;
  readonly #groupMs: number;
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | null = null;

  /** `groupMs`: how long the first of a group waits for others. */
  constructor(transaction: <Value>(work: () => Value) => Value, groupMs: number) {
    this.#transaction = transaction;
    this.#groupMs = groupMs;
  }

  /**
   * Calls `write` with the next group; answers what it answered, once that is durable. An EngineError that it throws, which
   * it may before it has written anything, is its own; what else goes wrong undoes the group.
   */
  add<Value>(write: () => Value): Promise<Value> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ run: () => attempt(write, resolve, reject), reject });
      this.#timer ??= setTimeout(() => this.flush(), this.#groupMs);
    });
  }

  /** Writes what is waiting now; whose write fails is told by its promise. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const group = this.#waiting;
    this.#waiting = [];
    if (group.length === 0) return;
    try {
      for (const tell of this.#transaction(() => group.map((write) => write.run()))) tell();
    } catch (error) {
      for (const write of group) write.reject(error);
    }
  }
}

function attempt<Value>(write: () => Value, resolve: (value: Value) => void, reject: (reason: unknown) => void): Tell {
  try {
    const value = write();
    return () => resolve(value);
  } catch (error) {
    if (!isEngineError(error)) throw error;
    return () => reject(error);
  }
}
