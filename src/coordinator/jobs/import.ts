import { engineError } from '../../errors/kinds.ts';
import type { EngineError } from '../../errors/engine-error.ts';
import { asEngineError } from '../../errors/wire.ts';
import { digestHex } from '../../identity/digest.ts';
import { familiarReference, parseRepositoryTag } from '../../identity/reference.ts';
import type { BrokenImage, ImageSource, LegacyImage, ModernImage, Platform } from '../../image/image-source.ts';
import { cancelled } from '../../streams/abort.ts';
import type { TaskCounters } from '../../tasks/task-cell.ts';
import type { JobRun, JobTools } from '../job-context.ts';
import { keepIndex } from './import-index.ts';
import { tagImage } from './tag-image.ts';

/** Registers every image of a source, each for itself, and tags it. */
export interface ImportJob {
  type: 'import';
  source: ImageSource;
  /** The name for the image instead of those in the source. */
  name?: string | undefined;
  /** False refuses to move a tag that names another image. */
  clobber?: boolean | undefined;
  blobs?: 'keep' | 'drop' | undefined;
  /** What the tag of an index means. */
  platform?: Platform | undefined;
  /** Told of each image as it is done. */
  onImage?: ((result: ImportedImage) => void) | undefined;
}

export type ImportedImage = (ImportResult & { error: null }) | { source: string; ref: string; error: EngineError };

export interface ImportResult {
  source: string;
  ref: string;
  id: string;
  configDigest: string | null;
  names: string[];
  layers: number;
  registered: number;
  reused: number;
  /** Bytes of layers read. */
  bytes: number;
  seconds: number;
  /** What of the image is the same here as in its source. */
  equal: string;
  warnings: string[];
}

type Importable = ModernImage | LegacyImage;

/** Several images side by side, as many as there is room for; an index when all images before it are done. */
export async function runImport(tools: JobTools, job: ImportJob, run: JobRun): Promise<ImportedImage[]> {
  const results: Promise<ImportedImage>[] = [];
  const counters = new Map<number, TaskCounters>();
  const transport = `${job.source.transport}:${job.source.location}`;
  const settle = (promise: Promise<ImportedImage>): void => {
    results.push(
      promise.then((result) => {
        job.onImage?.(result);
        return result;
      }),
    );
  };
  try {
    for await (const item of job.source.images()) {
      if (run.signal.aborted) break;
      if (item.kind === 'index') {
        await Promise.all(results);
        await keepIndex(tools, job, item, run);
        continue;
      }
      const release = await tools.images.acquire(1, run.signal);
      const index = results.length;
      const onProgress = (latest: TaskCounters): void => {
        counters.set(index, latest);
        run.report(sum(counters));
      };
      settle(importOne(tools, job, item, { ...run, report: onProgress }, transport, index).finally(release));
    }
  } finally {
    await Promise.allSettled(results);
  }
  if (run.signal.aborted) throw cancelled(run.signal, 'the import was cancelled; images that were complete stay');
  return Promise.all(results);
}

async function importOne(
  tools: JobTools,
  job: ImportJob,
  item: Importable | BrokenImage,
  run: JobRun,
  source: string,
  index: number,
): Promise<ImportedImage> {
  const started = performance.now();
  try {
    if (item.kind === 'broken') throw item.error;
    const names = namesFor(job, item, index);
    refuseClobbering(tools, job, item, names);
    const warnings = [...item.warnings];
    const added =
      item.kind === 'modern'
        ? await addModern(tools, job, item, run, warnings)
        : await addLegacy(tools, item, run, warnings);
    for (const name of names) await tagImage(tools, job, name, added.id, warnings);
    for (const warning of warnings) run.warn(`${item.ref}: ${warning}`);
    const seconds = Math.round(performance.now() - started) / 1000;
    return { source, ref: item.ref, ...added, names, seconds, warnings, error: null };
  } catch (error) {
    return { source, ref: item.ref, error: asEngineError(error) };
  }
}

type Added = Pick<ImportResult, 'id' | 'configDigest' | 'layers' | 'registered' | 'reused' | 'bytes' | 'equal'>;

async function addModern(
  tools: JobTools,
  job: ImportJob,
  image: ModernImage,
  run: JobRun,
  warnings: string[],
): Promise<Added> {
  const blobs = job.blobs ?? 'keep';
  const added = await tools.graph.addImage(image, {
    blobs,
    signal: run.signal,
    onProgress: run.report,
    onWarning: ({ message, entry }) => warnings.push(entry === undefined ? message : `${entry}: ${message}`),
  });
  const equal =
    image.manifest !== null && blobs === 'keep'
      ? 'identical bytes: manifest, config and layers'
      : 'same config and DiffIDs';
  return { ...added, configDigest: image.configDigest, equal };
}

/** An image of the time before content addresses: its chain, base first, each under its own id. */
async function addLegacy(tools: JobTools, image: LegacyImage, run: JobRun, warnings: string[]): Promise<Added> {
  const made: string[] = [];
  let bytes = 0;
  let reused = 0;
  try {
    for (const { id, json, layer } of image.chain) {
      const before = bytes;
      const outcome = await tools.graph.registerOnce({ id }, layer, {
        json,
        signal: run.signal,
        onProgress: (counters) => {
          bytes = before + counters.bytesIn;
          run.report({ ...counters, bytesIn: bytes });
        },
        onWarning: ({ message }) => warnings.push(message),
      });
      if (outcome.reused) reused++;
      else made.push(id);
    }
  } catch (error) {
    await tools.graph.removeUnneeded(made);
    throw error;
  }
  const id = image.chain.at(-1)!.id;
  return {
    id,
    configDigest: null,
    layers: image.chain.length,
    registered: made.length,
    reused,
    bytes,
    equal: 'same ids, JSON and layers',
  };
}

function namesFor(job: ImportJob, item: Importable, index: number): string[] {
  if (job.name === undefined) return item.names;
  if (index === 0) return [familiarReference(job.name)];
  const message = 'one name cannot be given to several images; name one image of the source, or leave --name away';
  throw engineError('INVALID_ARGUMENT', message, { argument: 'name', value: job.name });
}

function idOf(item: Importable): string {
  return item.kind === 'modern' ? digestHex(item.configDigest) : item.chain.at(-1)!.id;
}

function refuseClobbering({ tags }: JobTools, job: ImportJob, item: Importable, names: readonly string[]): void {
  if (job.clobber !== false) return;
  for (const name of names) {
    const { repository, reference } = parseRepositoryTag(name);
    const id = tags.get(repository)?.get(reference);
    if (id === undefined || id === idOf(item)) continue;
    const message = `the tag ${name} names another image (${id.slice(0, 12)}), and it was asked not to be moved`;
    throw engineError('TAG_TAKEN', message, { repository, tag: reference, id });
  }
}

function sum(all: ReadonlyMap<number, TaskCounters>): TaskCounters {
  const total = { bytesIn: 0, bytesOut: 0, entries: 0 };
  for (const { bytesIn, bytesOut, entries } of all.values()) {
    total.bytesIn += bytesIn;
    total.bytesOut += bytesOut;
    total.entries += entries;
  }
  return total;
}
