import type { Batch, BatchLimits } from './batch/batch.ts';
import type { BatchEvent } from './batch/events.ts';
import type { Ledger } from './batch/ledger/ledger.ts';
import { ledgerPath, openLedger } from './batch/ledger/open-ledger.ts';
import { settingsWithin } from './batch/memory-bound.ts';
import { keyOf } from './batch/plan/keys.ts';
import { batchId } from './batch/plan/make-plan.ts';
import { migrateWith } from './batch/run/migrate-with.ts';
import type { BatchTools } from './batch/tools.ts';
import { BlobCache } from './cache/blob-cache.ts';
import { defaultCacheDirectory } from './config/defaults.ts';
import { loadSettings } from './config/load.ts';
import type { Settings } from './config/settings.ts';
import { openPipeline, type Pipeline } from './engine.ts';
import { BlobHomes } from './formats/distribution/blob-homes.ts';
import { registriesFor } from './formats/distribution/registries-of.ts';
import type { RegistryOptions } from './formats/distribution/registry.ts';
import { SpoolBudget } from './streams/spool-budget.ts';
import type { System } from './system/system.ts';

export interface MigrateOptions {
  /** Stops the run; what is under way is given back, and the same call goes on with it. */
  signal?: AbortSignal | undefined;
  /** By default those of the files and variables that the program reads. */
  settings?: Settings | undefined;
  /** What works already; it is not closed, and keeps its threads. By default one is opened, and closed at the end. */
  pipeline?: Pipeline | undefined;
  /** The file of the ledger; by default one named by the batch, in `$XDG_STATE_HOME/layermill`. */
  ledger?: string | undefined;
  /** Ask nobody about what the ledger calls done. */
  trustLedger?: boolean | undefined;
  /** How the registries of the sources are spoken to, and those of the destinations. */
  from?: RegistryOptions | undefined;
  to?: RegistryOptions | undefined;
  /** Told of what did not stop anything; `migrate` yields it as events. */
  onWarning?: ((message: string) => void) | undefined;
  /** Where packed layers are kept between runs; by default as the settings say, null for nowhere. */
  cache?: BlobCache | null | undefined;
}

/**
 * Brings the images of a batch where they are to go, each distinct layer once, and yields what happens: `planned`,
 * `layer-done`, `image-done`, `progress`, … A failure of one image is an event, and stops nothing else. Called again, also
 * after the process was killed, it goes on where it was; a batch that is done is looked at and left alone.
 *
 * Throws LEDGER_IN_USE, LIBRARY_UNAVAILABLE (better-sqlite3 is an optional dependency), INVALID_ARGUMENT, CANCELLED, ….
 */
export async function* migrate(batch: Batch, options: MigrateOptions = {}): AsyncGenerator<BatchEvent> {
  await using parts = await openParts(batch, options);
  yield* migrateWith(batch, { ...parts, signal: options.signal, trustLedger: options.trustLedger });
}

/** What a batch works with; disposed of, all that was opened for it is closed. */
export interface BatchParts extends AsyncDisposable {
  tools: BatchTools;
}

/** Beside the job file; without one, where paths that begin at this directory mean what they mean here. */
export function defaultLedger(jobFile: string | null, batch: Batch): string {
  return ledgerPath(jobFile, keyOf(batchId(batch), process.cwd()), process.env);
}

async function openParts(batch: Batch, options: MigrateOptions): Promise<BatchParts & { ledger: Ledger }> {
  const opened = await openTools(options, batch.limits);
  try {
    const path = options.ledger ?? defaultLedger(null, batch);
    const ledger = await openLedger(path, { flock: (fd, mode) => opened.system.lock(fd, mode) });
    const close = async (): Promise<void> => {
      await ledger.close();
      await opened[Symbol.asyncDispose]();
    };
    return { tools: opened.tools, ledger, [Symbol.asyncDispose]: close };
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}

/** Opens what a batch works with, as far as it is not given. */
export async function openTools(
  options: Omit<MigrateOptions, 'ledger'>,
  limits: BatchLimits,
): Promise<BatchParts & { system: System }> {
  const settings = options.settings ?? (await loadSettings());
  const pipeline = options.pipeline ?? (await openPipeline(settingsWithin(settings, limits)));
  const from = registriesFor(pipeline.formats, 'source', options.from ?? {});
  const to = registriesFor(pipeline.formats, 'sink', options.to ?? {});
  const cache = options.cache === undefined ? cacheOf(settings, pipeline) : options.cache;
  const close = async (): Promise<void> => {
    await cache?.close();
    await from.close();
    await to.close();
    if (options.pipeline === undefined) await pipeline.close();
  };
  const { spoolBytes } = limits;
  const spool = spoolBytes === undefined ? pipeline.formats.spool : new SpoolBudget(spoolBytes);
  const formats = { ...pipeline.formats, spool };
  const tools: BatchTools = {
    coordinator: pipeline.coordinator,
    from: { ...formats, registries: from },
    to: { ...formats, registries: to, homes: new BlobHomes() },
    cache,
  };
  return { tools, system: pipeline.system, [Symbol.asyncDispose]: close };
}

function cacheOf({ cache }: Settings, { pool }: Pipeline): BlobCache | null {
  if (cache.dir === 'none') return null;
  const dir = cache.dir === 'auto' ? defaultCacheDirectory(process.env) : cache.dir;
  // It never makes a run fail, and what it lacks is done again.
  return new BlobCache({ dir, maxBytes: cache.bytes, pool, onTrouble: () => {} });
}
