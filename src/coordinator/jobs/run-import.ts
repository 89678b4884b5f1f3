import { asEngineError } from '../../errors/wire.ts';
import type { SourceIndex, SourceItem } from '../../image/image-source.ts';
import { throwIfAborted } from '../../streams/abort.ts';
import type { TaskCounters } from '../../tasks/task-cell.ts';
import type { JobRun, StoreTools } from '../job-context.ts';
import type { ImportedImage, ImportJob } from './import.ts';
import { importImage } from './import-image.ts';
import { importIndex } from './import-index.ts';
import { renameSource } from './rename-source.ts';

/**
 * Several images side by side, as many as there is room for; an index when all images before it are done. Images are
 * independent: one that fails is a result with its error, in the order of the source.
 */
export async function runImport(tools: StoreTools, job: ImportJob, run: JobRun): Promise<ImportedImage[]> {
  const { source, name } = job;
  const results: Promise<ImportedImage | null>[] = [];
  const abandoned: string[] = [];
  const total = new Totals(run);
  const tell = (result: ImportedImage | null): ImportedImage | null => {
    if (result !== null) job.onImage?.(result);
    return result;
  };
  try {
    for await (const item of name === undefined ? source.images() : renameSource(source, name)) {
      throwIfAborted(run.signal);
      if (item.kind === 'index') await Promise.all(results);
      const release = await tools.images.acquire(1, run.signal);
      const part = { ...run, report: total.part() };
      const told = importItem(tools, job, item, part, abandoned).then(tell).finally(release);
      // It is awaited below; until then its failure, which only `onImage` can cause, must not end the process.
      told.catch(() => {});
      results.push(told);
    }
    for (const warning of source.warnings ?? []) run.warn(warning);
  } finally {
    await Promise.allSettled(results);
    await tools.graph.removeUnneeded(abandoned);
  }
  // Images that were complete stay.
  throwIfAborted(run.signal);
  return (await Promise.all(results)).filter((result) => result !== null);
}

async function importItem(
  tools: StoreTools,
  job: ImportJob,
  item: SourceItem,
  run: JobRun,
  abandoned: string[],
): Promise<ImportedImage | null> {
  if (item.kind === 'index') return importIndexOf(tools, job, item, run);
  if (item.kind === 'artifact') {
    run.warn(`${item.ref} was left out: the store keeps images, not what refers to them`);
    return null;
  }
  if (item.kind !== 'broken') return importImage(tools, job, item, run, abandoned);
  return { source: sourceText(job), ref: item.ref, error: item.error };
}

async function importIndexOf(
  tools: StoreTools,
  job: ImportJob,
  index: SourceIndex,
  run: JobRun,
): Promise<ImportedImage | null> {
  try {
    await importIndex(tools, job, index, run);
    return null;
  } catch (error) {
    return { source: sourceText(job), ref: index.ref, error: asEngineError(error) };
  }
}

function sourceText({ source }: ImportJob): string {
  return `${source.transport}:${source.location}`;
}

/** Adds up what the images of one import have done. */
class Totals {
  readonly #run: JobRun;
  readonly #sum: TaskCounters = { bytesIn: 0, bytesOut: 0, entries: 0 };

  constructor(run: JobRun) {
    this.#run = run;
  }

  /** A report for one image. */
  part(): JobRun['report'] {
    let last: TaskCounters = { bytesIn: 0, bytesOut: 0, entries: 0 };
    return ({ bytesIn, bytesOut, entries }) => {
      this.#sum.bytesIn += bytesIn - last.bytesIn;
      this.#sum.bytesOut += bytesOut - last.bytesOut;
      this.#sum.entries += entries - last.entries;
      last = { bytesIn, bytesOut, entries };
      this.#run.report(this.#sum);
    };
  }
}
