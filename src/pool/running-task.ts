import { onAbort } from '../streams/abort.ts';
import type { TaskReply } from '../tasks/envelope.ts';
import { TaskCell } from '../tasks/task-cell.ts';
import type { RunOptions } from '../tasks/task-pool.ts';

/** The caller's side of a task that a thread is working on. */
export class RunningTask {
  readonly cell: TaskCell = new TaskCell();
  /** Aborted when a cancelled task has not answered in time. */
  readonly kill: AbortController = new AbortController();
  readonly #options: RunOptions;
  readonly #graceMs: number;
  readonly #deafen: () => void;
  #grace: NodeJS.Timeout | undefined;

  constructor(options: RunOptions, graceMs: number) {
    this.#options = options;
    this.#graceMs = graceMs;
    this.#deafen = onAbort(options.signal, () => this.cancel());
  }

  /** Asks the task to stop; it answers by itself, because a thread that is killed leaves descriptors open. */
  cancel(): void {
    this.cell.cancel();
    this.#grace ??= setTimeout(() => this.kill.abort(), this.#graceMs);
  }

  sample(): void {
    this.#options.onProgress?.(this.cell.sample());
  }

  /** The warnings that came with the reply, and one line a code for those that were too many to come. */
  deliverWarnings(reply: TaskReply): void {
    const { onWarning } = this.#options;
    if (onWarning === undefined) return;
    const missing = new Map(Object.entries(reply.warningCounts));
    for (const warning of reply.warnings) {
      missing.set(warning.code, (missing.get(warning.code) ?? 0) - 1);
      onWarning(warning);
    }
    for (const [code, count] of missing) {
      if (count > 0) onWarning({ code, message: `${count} more warnings of this kind` });
    }
  }

  end(): void {
    clearTimeout(this.#grace);
    this.#deafen();
    this.sample();
  }
}
