import { join } from 'node:path';
import type { KeptIndex } from '../../graph/indexes.ts';
import { type Digest, digestHex } from '../../identity/digest.ts';
import type { Platform, SourceIndex } from '../../image/image-source.ts';
import { formatPlatform, hostPlatform, platformMatches } from '../../image/platform.ts';
import { isPending } from '../../image/pending-blob.ts';
import type { JobRun, StoreTools } from '../job-context.ts';
import type { ImportJob } from './import.ts';
import { refuseTaken, tagImage } from './tag-image.ts';

type Member = KeptIndex['members'][number];

/** Keeps an index with what came with it, and tags the image that its names mean here. */
export async function importIndex(tools: StoreTools, job: ImportJob, index: SourceIndex, run: JobRun): Promise<void> {
  const { graph } = tools;
  const { digest, mediaType, names } = index;
  const members = index.members.map((member) => knownMember(tools, member));
  const chosen = chooseMember({ members }, job.platform ?? null);
  const clobber = job.clobber !== false;
  if (!clobber && chosen !== null) refuseTaken(tools, names, chosen.id);
  const attached = job.blobs === 'drop' ? [] : index.attachments;
  await using staging = await stageAttachments(tools, attached, run);
  for (const name of names) {
    if (chosen === null)
      run.warn(`${name} was not tagged: its index has no image here for ${platformText(job.platform)}`);
    else if (chosen.instead)
      run.warn(`${name} is its image for ${platformText(chosen.platform)}: it has none for this machine`);
    const moved = chosen === null ? null : await tagImage(tools, name, chosen.id, clobber);
    if (moved !== null) run.warn(moved);
  }
  const attachments = staging.blobs.map(({ digest, size }) => ({ digest, size }));
  await graph.keepIndex(names, index.raw, { digest, mediaType, members, attachments }, staging.blobs, run);
}

/**
 * The image of an index for a platform. Without one: that for this machine, else the first that is here, `instead`.
 * Null when there is none.
 */
export function chooseMember(
  index: Pick<KeptIndex, 'members'>,
  wanted: Platform | null,
): { id: string; platform: Platform | null; instead: boolean } | null {
  const here = index.members.filter((member): member is Member & { id: string } => member.id !== null);
  const platform = wanted ?? hostPlatform();
  const exact = here.find((member) => member.platform !== null && platformMatches(platform, member.platform));
  const found = exact ?? (wanted === null ? here[0] : undefined);
  return found === undefined ? null : { id: found.id, platform: found.platform, instead: found !== exact };
}

function knownMember(
  { graph }: StoreTools,
  { digest, platform, configDigest }: SourceIndex['members'][number],
): Member {
  const id = configDigest === null ? null : digestHex(configDigest);
  return { digest, platform, id: id !== null && graph.has(id) ? id : null };
}

function platformText(platform: Platform | null | undefined): string {
  return platform == null ? 'any platform' : formatPlatform(platform);
}

interface StagedBlobs extends AsyncDisposable {
  blobs: { path: string; digest: Digest; size: number }[];
}

/** Verified copies, to be kept once the names mean this index: one that they meant before may take its own blobs with it. */
async function stageAttachments(
  { graph, pool }: StoreTools,
  attachments: SourceIndex['attachments'],
  run: JobRun,
): Promise<StagedBlobs> {
  const staging = await graph.mktemp();
  try {
    const blobs: StagedBlobs['blobs'] = [];
    for (const [number, blob] of attachments.entries()) {
      const path = join(staging.path, String(number));
      const { signal } = run;
      const copied = isPending(blob)
        ? await blob.obtain(path, { signal })
        : await pool.run('blob.copy', { blob, to: path }, { signal });
      blobs.push({ path, digest: blob.digest ?? copied.digest, size: copied.size });
    }
    return { blobs, [Symbol.asyncDispose]: () => staging.remove() };
  } catch (error) {
    await staging.remove();
    throw error;
  }
}
