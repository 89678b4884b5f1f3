import { engineError } from '../errors/kinds.ts';

const CANCEL_WORD = 0;
const COUNTERS_AT = 8;

/** What a task has done so far. */
export interface TaskCounters {
  bytesIn: number;
  bytesOut: number;
  entries: number;
}

/**
 * A few words of memory that a running task and the main thread share: a cancel word, and counters that the main
 * thread samples, so that progress needs no messages. An AbortSignal never fires in a busy thread; this word does.
 * The counters are doubles with one writer each: no 32-bit overflow, and no BigInt on the hot path.
 */
export class TaskCell {
  readonly memory: SharedArrayBuffer;
  readonly #cancel: Int32Array;
  readonly #counters: Float64Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(COUNTERS_AT + 3 * 8)) {
    this.memory = memory;
    this.#cancel = new Int32Array(memory, 0, 1);
    this.#counters = new Float64Array(memory, COUNTERS_AT, 3);
  }

  cancel(): void {
    Atomics.store(this.#cancel, CANCEL_WORD, 1);
  }

  /** Throws CANCELLED once `cancel` was called. Call it at least every MiB or 64 entries. */
  throwIfCancelled(): void {
    if (Atomics.load(this.#cancel, CANCEL_WORD) !== 0) throw engineError('CANCELLED', 'the task was cancelled', {});
  }

  addBytesIn(bytes: number): void {
    this.#counters[0]! += bytes;
  }

  addBytesOut(bytes: number): void {
    this.#counters[1]! += bytes;
  }

  addEntries(entries: number): void {
    this.#counters[2]! += entries;
  }

  sample(): TaskCounters {
    const [bytesIn, bytesOut, entries] = this.#counters as unknown as [number, number, number];
    return { bytesIn, bytesOut, entries };
  }
}
