import { engineError } from '../errors/kinds.ts';
import { type StageTimes, TASK_STAGES, type TaskStage } from './stage-times.ts';

const CANCEL_WORD = 0;
const COUNTERS_AT = 8;
/** Bytes in, bytes out, entries; the times by stage follow. */
const COUNTS = 3;
const SLOTS = COUNTS + TASK_STAGES.length;

const SLOT_OF = Object.fromEntries(TASK_STAGES.map((stage, at) => [stage, COUNTS + at])) as Record<TaskStage, number>;

/** What a task has done so far. */
export interface TaskCounters {
  bytesIn: number;
  bytesOut: number;
  entries: number;
}

/** What it has done, and how long each stage of it took. */
export interface TaskProgress extends TaskCounters {
  stages: StageTimes;
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
  #stage: TaskStage | null = null;
  #since = 0;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(COUNTERS_AT + SLOTS * 8)) {
    this.memory = memory;
    this.#cancel = new Int32Array(memory, 0, 1);
    this.#counters = new Float64Array(memory, COUNTERS_AT, SLOTS);
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

  /**
   * The time from now on is that of this stage, or of none. Answers the stage before, to go back to. It costs 50 ns:
   * once for some 64 KiB, never for an entry.
   */
  enter(stage: TaskStage | null): TaskStage | null {
    const now = performance.now();
    const before = this.#stage;
    if (before !== null) this.#counters[SLOT_OF[before]]! += now - this.#since;
    this.#stage = stage;
    this.#since = now;
    return before;
  }

  sample(): TaskProgress {
    const [bytesIn, bytesOut, entries, read, inflate, hash, compress, write] = this.#counters as unknown as Slots;
    return { bytesIn, bytesOut, entries, stages: { read, inflate, hash, compress, write } };
  }
}

type Slots = [number, number, number, number, number, number, number, number];
