import { join } from 'node:path';
import type { Batch, BatchEntry } from '../../src/batch/batch.ts';
import type { BatchEvent } from '../../src/batch/events.ts';
import type { Ledger } from '../../src/batch/ledger/ledger.ts';
import { openLedger } from '../../src/batch/ledger/open-ledger.ts';
import { migrateWith } from '../../src/batch/run/migrate-with.ts';
import type { BatchTools } from '../../src/batch/tools.ts';
import { BlobCache } from '../../src/cache/blob-cache.ts';
import { createCoordinator } from '../../src/coordinator/coordinator.ts';
import { BlobHomes } from '../../src/formats/distribution/blob-homes.ts';
import { registriesFor } from '../../src/formats/distribution/registries-of.ts';
import type { RegistryOptions } from '../../src/formats/distribution/registry.ts';
import { SpoolBudget } from '../../src/streams/spool-budget.ts';
import { openSystem } from '../../src/system/select.ts';
import { countingPool } from './counting-pool.ts';
import { type FormatLab, openFormatLab } from './format-context.ts';

/** Runs batches without threads, and sees what tasks are run for them. */
export interface RunLab extends AsyncDisposable {
  formats: FormatLab;
  dir: string;
  tools: BatchTools;
  /** Names of the tasks that were run. */
  ran: string[];
  ledger(): Promise<Ledger>;
  run(
    batch: Batch,
    options?: { trustLedger?: boolean; stopAfter?: (event: BatchEvent) => boolean },
  ): Promise<BatchEvent[]>;
}

export function openRunLab({
  registry = {},
  cached = false,
}: { registry?: RegistryOptions; cached?: boolean } = {}): RunLab {
  const ran: string[] = [];
  const pool = countingPool(ran);
  const formats = openFormatLab({ pool });
  const coordinator = createCoordinator({
    store: null,
    pool,
    jobs: 2,
    lanes: { io: 2, cpu: 2 },
    spool: new SpoolBudget(64 * 1024 ** 2),
    tempDir: formats.tempDir,
    limits: formats.context.limits,
  });
  const from = registriesFor(formats.context, 'source', registry);
  const to = registriesFor(formats.context, 'sink', registry);
  const cache = cached
    ? new BlobCache({ dir: join(formats.dir, 'cache'), maxBytes: 1024 ** 3, pool, onTrouble: () => {} })
    : null;
  const tools: BatchTools = {
    coordinator,
    from: { ...formats.context, registries: from },
    to: { ...formats.context, registries: to, homes: new BlobHomes() },
    cache,
  };
  const system = openSystem();
  const ledger = (): Promise<Ledger> =>
    openLedger(join(formats.dir, 'batch.ledger'), { flock: (fd, mode) => system.lock(fd, mode), groupMs: 1 });
  return {
    formats,
    dir: formats.dir,
    tools,
    ran,
    ledger,
    run: async (batch, { trustLedger, stopAfter } = {}) => {
      await using opened = await ledger();
      const events: BatchEvent[] = [];
      for await (const event of migrateWith(batch, { tools, ledger: opened, trustLedger })) {
        events.push(event);
        if (stopAfter?.(event) === true) break;
      }
      return events;
    },
    [Symbol.asyncDispose]: async () => {
      await from.close();
      await to.close();
      await coordinator.close();
      await formats.close();
    },
  };
}

/** A batch of these sources. */
export function batchOf(sources: readonly string[], target: string, terms: Partial<BatchEntry> = {}): Batch {
  return {
    entries: sources.map((location) => ({ source: { type: 'location', location }, target, ...terms })),
    limits: { retries: 1 },
  };
}

export function ofType<Type extends BatchEvent['type']>(
  events: readonly BatchEvent[],
  type: Type,
): Extract<BatchEvent, { type: Type }>[] {
  return events.filter((event): event is Extract<BatchEvent, { type: Type }> => event.type === type);
}
