import { asEngineError } from '../../errors/wire.ts';
import { digestHex } from '../../identity/digest.ts';
import type { LegacyImage, ModernImage } from '../../image/image-source.ts';
import type { TaskWarning } from '../../tasks/envelope.ts';
import type { JobRun, StoreTools } from '../job-context.ts';
import type { ImportedImage, ImportJob, ImportResult } from './import.ts';
import { keptManifest } from './kept-manifest.ts';
import { refuseTaken, tagImage } from './tag-image.ts';
import { warningText } from './warning-text.ts';

export type Importable = ModernImage | LegacyImage;

type Added = Pick<ImportResult, 'id' | 'configDigest' | 'layers' | 'registered' | 'reused' | 'bytes' | 'equal'>;

/** Registers one image and tags it once it is complete. A failure is an answer too; what was made is noted in `abandoned`. */
export async function importImage(
  tools: StoreTools,
  job: ImportJob,
  image: Importable,
  run: JobRun,
  abandoned: string[],
): Promise<ImportedImage> {
  const started = performance.now();
  const { ref, names } = image;
  const source = `${job.source.transport}:${job.source.location}`;
  const warnings = [...image.warnings];
  const clobber = job.clobber !== false;
  const noted: JobRun = { ...run, warn: (message) => warnings.push(message) };
  // Until its names are given nothing else says that somebody wants it: another job may be clearing up after itself.
  const release = tools.graph.retain(image.kind === 'modern' ? [idOf(image)] : image.chain.map(({ id }) => id));
  try {
    if (!clobber) refuseTaken(tools, names, idOf(image));
    const added =
      image.kind === 'modern'
        ? await addModern(tools, job, image, noted)
        : await addLegacy(tools, image, noted, abandoned);
    for (const name of names) {
      const moved = await tagImage(tools, name, added.id, clobber);
      if (moved !== null) warnings.push(moved);
    }
    const seconds = Math.round(performance.now() - started) / 1000;
    return { source, ref, ...added, names, seconds, warnings, error: null };
  } catch (error) {
    return { source, ref, error: asEngineError(error) };
  } finally {
    release();
    for (const warning of warnings) run.warn(`${ref}: ${warning}`);
  }
}

function idOf(image: Importable): string {
  return image.kind === 'modern' ? digestHex(image.configDigest) : image.chain.at(-1)!.id;
}

async function addModern({ graph }: StoreTools, job: ImportJob, image: ModernImage, run: JobRun): Promise<Added> {
  const { signal, report: onProgress } = run;
  const onWarning = (warning: TaskWarning): void => run.warn(warningText(warning));
  const added = await graph.addImage(image, { blobs: job.blobs ?? 'keep', signal, onProgress, onWarning });
  const kept = image.manifest === null ? null : (await keptManifest(graph, added.id)).manifest;
  const same = kept !== null && kept.digest === image.manifest?.digest;
  const equal = same ? 'identical bytes: manifest, config and layers' : 'same config and DiffIDs';
  return { ...added, configDigest: image.configDigest, equal };
}

/** An image of the time before content addresses: its chain, base first, each under its own id. */
async function addLegacy({ graph }: StoreTools, image: LegacyImage, run: JobRun, abandoned: string[]): Promise<Added> {
  const { signal } = run;
  const onWarning = (warning: TaskWarning): void => run.warn(warningText(warning));
  const made: string[] = [];
  let bytes = 0;
  try {
    for (const { id, json, layer } of image.chain) {
      const before = bytes;
      const onProgress: JobRun['report'] = (counters) => {
        bytes = before + counters.bytesIn;
        run.report({ ...counters, bytesIn: bytes });
      };
      const { reused } = await graph.registerOnce({ id }, layer, { json, signal, onProgress, onWarning });
      if (!reused) made.push(id);
    }
  } catch (error) {
    abandoned.push(...made);
    throw error;
  }
  const layers = image.chain.length;
  const counts = { layers, registered: made.length, reused: layers - made.length };
  return { id: idOf(image), configDigest: null, ...counts, bytes, equal: 'same ids, JSON and layers' };
}
