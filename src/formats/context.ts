import type { Readable, Writable } from 'node:stream';
import type { LayerLimits } from '../archive/limits.ts';
import type { DocumentLimits } from '../image/document-limits.ts';
import type { SpoolBudget } from '../streams/spool-budget.ts';
import type { System } from '../system/system.ts';
import type { TaskPool } from '../tasks/task-pool.ts';

/** What every source and sink is opened with. */
export interface FormatContext {
  pool: TaskPool;
  system: System;
  /** Spools are made below this directory. */
  tempDir: string;
  limits: LayerLimits;
  /** Bounds the spools, with others who make such files. Without it they are not bounded. */
  spool?: SpoolBudget | undefined;
  documents?: DocumentLimits | undefined;
  signal?: AbortSignal | undefined;
  /** Where `-` is read from and written to; the process's own by default. */
  stdin?: Readable | undefined;
  stdout?: (Writable & { isTTY?: boolean | undefined }) | undefined;
}
