import type { PackingName } from '../../compression/codec.ts';
import { engineError } from '../../errors/kinds.ts';
import type { KeptIndex } from '../../graph/indexes.ts';
import { familiarReference } from '../../identity/reference.ts';
import { formatPlatform } from '../../image/platform.ts';
import type { JobRun, StoreTools } from '../job-context.ts';
import { describeForExport, type ExportableImage } from './export-image.ts';
import type { ExportJob } from './export.ts';
import { chooseMember } from './import-index.ts';

/** An image on its way out. */
export interface PlannedImage {
  /** As it is called in results. */
  name: string;
  /** The names it gets in the destination. */
  names: string[];
  ref: string | null;
  image: ExportableImage;
  keepManifest: boolean;
  /** The index that it goes out with, when that is kept. */
  index: KeptIndex | null;
}

/** What one of the names asked for means: an image, or an index with all its images. */
export interface PlannedName {
  name: string;
  names: string[];
  images: PlannedImage[];
  index: KeptIndex | null;
}

/** Each image is retained as soon as it is known. */
type PlanTools = StoreTools & { retain: (id: string) => void };

/** Looks everything up before the first byte is written. Throws IMAGE_NOT_FOUND, UNSUPPORTED_PLATFORM, MANIFEST_NOT_PRESERVED. */
export async function planExport(tools: PlanTools, job: ExportJob, run: JobRun): Promise<PlannedName[]> {
  const planned: PlannedName[] = [];
  for (const name of job.names) planned.push(await planName(tools, job, run, name));
  if (job.preserveDigests === true)
    for (const { images } of planned) for (const image of images) refuseNewManifest(job, image);
  return planned;
}

async function planName(tools: PlanTools, job: ExportJob, run: JobRun, name: string): Promise<PlannedName> {
  const { graph, tags } = tools;
  const index = await graph.indexes.of(familiarReference(name));
  const member = index === null ? null : chooseMember(index, job.platform ?? null);
  if (index !== null && job.platform !== undefined && member === null)
    throw noSuchPlatform(name, formatPlatform(job.platform));
  const id = member?.id ?? (await tags.lookupImage(name)).id;
  const known = tags.namesOf(id);
  const own = known.filter((other) => other === familiarReference(name));
  const names = own.length > 0 ? own : known;
  const chosen = await planImage(tools, job, { name, names, id });
  const alone: PlannedName = { name, names, images: [chosen], index: null };
  if (index === null || job.platform !== undefined) return alone;
  return (await planIndex(tools, job, run, { ...alone, index }, chosen)) ?? alone;
}

async function planImage(
  { graph, retain }: PlanTools,
  job: ExportJob,
  { name, names, id }: { name: string; names: string[]; id: string },
): Promise<PlannedImage> {
  retain(id);
  const image = await describeForExport(graph, id);
  const keepManifest = compressionOf(job) === 'keep' && job.sink.keepsManifests && image.manifest.manifest !== null;
  return { name, names, ref: job.ref ?? null, image, keepManifest, index: null };
}

/** The index with all its images; null, and a word about it, when it cannot be given again as it came. */
async function planIndex(
  tools: PlanTools,
  job: ExportJob,
  run: JobRun,
  alone: PlannedName & { index: KeptIndex },
  chosen: PlannedImage,
): Promise<PlannedName | null> {
  const { name, index } = alone;
  const images: PlannedImage[] = [];
  const leaveOut = (reason: string): null => {
    run.warn(
      `${name} goes out without its index, as the image for ${platformOf(index, chosen.image.image.id)}: ${reason}`,
    );
    return null;
  };
  if (compressionOf(job) !== 'keep') return leaveOut('its layers are packed anew');
  if (!job.sink.keepsManifests) return leaveOut('the destination has no place for it');
  const attached = new Set<string>();
  for (const { digest } of index.attachments) if (await tools.graph.blobs.has(digest)) attached.add(digest);
  for (const { id, digest, platform } of index.members) {
    const member = `${name} (${platform === null ? digest : formatPlatform(platform)})`;
    if (id !== null && id === chosen.image.image.id) images.push({ ...chosen, index });
    else if (id !== null && tools.graph.has(id)) {
      images.push({ ...(await planImage(tools, job, { name: member, names: [], id })), ref: null, index });
    } else if (!attached.has(digest)) return leaveOut(`${member} is not here`);
  }
  const changed = images.find((image) => !image.keepManifest);
  if (changed !== undefined)
    return leaveOut(`the manifest of ${changed.name} changes: ${changed.image.manifest.missing}`);
  return { ...alone, images };
}

function platformOf(index: KeptIndex, id: string): string {
  const platform = index.members.find((member) => member.id === id)?.platform ?? null;
  return platform === null ? 'an unknown platform' : formatPlatform(platform);
}

export function compressionOf(job: ExportJob): PackingName | 'keep' {
  return job.compression ?? job.sink.defaultCompression;
}

function refuseNewManifest(job: ExportJob, { name, image, keepManifest }: PlannedImage): void {
  if (keepManifest) return;
  const compression = compressionOf(job);
  const repacked = compression === 'keep' ? null : `its layers are packed anew (--compression ${compression})`;
  const reason = repacked ?? image.manifest.missing ?? 'the destination has no place for it';
  const message = `the manifest of ${name} cannot stay the same: ${reason}; nothing was written`;
  throw engineError('MANIFEST_NOT_PRESERVED', message, { name, reason });
}

function noSuchPlatform(name: string, platform: string): Error {
  const message = `${JSON.stringify(name)} has no image for ${platform} in this store`;
  return engineError('UNSUPPORTED_PLATFORM', message, { platform });
}
