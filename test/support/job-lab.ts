import { mkdtempSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Coordinator, createCoordinator, type CoordinatorOptions } from '../../src/coordinator/coordinator.ts';
import type { ExportedImage, ExportJob } from '../../src/coordinator/jobs/export.ts';
import type { ImportedImage, ImportJob } from '../../src/coordinator/jobs/import.ts';
import type { ImageSource } from '../../src/image/image-source.ts';
import { openSink, openSource } from '../../src/formats/transports.ts';
import { SpoolBudget } from '../../src/streams/spool-budget.ts';
import { type FormatLab, openFormatLab } from './format-context.ts';
import { openTestStore, type TestStore } from './test-store.ts';

/** A store, a coordinator for it, and formats: everything that jobs need. */
export interface JobLab extends AsyncDisposable {
  store: TestStore;
  formats: FormatLab;
  coordinator: Coordinator;
  /** What its temporary files are counted in. */
  spool: SpoolBudget;
  /** Where exports keep what is unfinished; empty again when they have ended. */
  tempDir: string;
  warnings: string[];
  import(from: string | ImageSource, options?: Partial<ImportJob>): Promise<ImportedImage[]>;
  export(names: string[], to: string, options?: Partial<ExportJob>): Promise<ExportedImage[]>;
  /** Every image in the store, with the names of those that have any. */
  contents(): Promise<Record<string, string[]>>;
  /** What is left in the store's staging places and in `tempDir`. */
  leftovers(): Promise<string[]>;
}

export async function openJobLab(
  options: Partial<CoordinatorOptions> & { driver?: string; root?: string; spoolBytes?: number } = {},
): Promise<JobLab> {
  const { driver = 'overlay2', pool: given, root } = options;
  const spool = new SpoolBudget(options.spoolBytes ?? 64 * 1024 ** 2);
  const formats = openFormatLab({ spool, ...(given === undefined ? {} : { pool: given }) });
  const { pool } = formats.context;
  const store = await openTestStore(driver, { pool, spool, ...(root === undefined ? {} : { root }) });
  const { graph, tags } = store;
  const tempDir = mkdtempSync(join(tmpdir(), 'layermill-jobs-'));
  const coordinator = createCoordinator({
    jobs: 2,
    lanes: { io: 2, cpu: 2 },
    ...options,
    spool,
    store: { graph, tags },
    limits: formats.context.limits,
    pool,
    tempDir,
  });
  const warnings: string[] = [];
  const submitOptions = { onWarning: (message: string) => void warnings.push(message) };
  return {
    store,
    formats,
    coordinator,
    spool,
    tempDir,
    warnings,
    import: async (from, job = {}) => {
      const source = typeof from === 'string' ? await openSource(from, formats.context) : from;
      try {
        return await (
          await coordinator.submit({ type: 'import', source, ...job }, submitOptions)
        ).done;
      } finally {
        await source.close();
      }
    },
    export: async (names, to, job = {}) => {
      const sink = await openSink(to, formats.context, {});
      return (await coordinator.submit({ type: 'export', names, sink, ...job }, submitOptions)).done;
    },
    contents: async () => {
      const names = tags.byId();
      const found: Record<string, string[]> = {};
      for await (const [id] of graph.map()) found[id] = names.get(id) ?? [];
      return found;
    },
    leftovers: async () => {
      const places = [join(graph.root, '_tmp'), join(store.root, driver, 'tmp'), tempDir, formats.tempDir];
      const found = await Promise.all(
        places.map(async (place) => (await mkdir(place, { recursive: true }), readdir(place))),
      );
      return found.flat();
    },
    [Symbol.asyncDispose]: async () => {
      await coordinator.close();
      await store[Symbol.asyncDispose]();
      await formats.close();
      await rm(tempDir, { recursive: true, force: true });
    },
  };
}
