import { join } from 'node:path';
import type { KeptIndex } from '../../graph/indexes.ts';
import { digestHex } from '../../identity/digest.ts';
import type { Platform, SourceIndex } from '../../image/image-source.ts';
import { formatPlatform, hostPlatform, platformMatches } from '../../image/platform.ts';
import type { JobRun, JobTools } from '../job-context.ts';
import type { ImportJob } from './import.ts';
import { refuseTaken, tagImage } from './tag-image.ts';

type Member = KeptIndex['members'][number];

/** Keeps an index with what came with it, and tags the image that its names mean here. */
export async function importIndex(tools: JobTools, job: ImportJob, index: SourceIndex, run: JobRun): Promise<void> {
  const { graph } = tools;
  const { digest, mediaType, names } = index;
  const members = index.members.map((member) => knownMember(tools, member));
  const chosen = chooseMember({ members }, job.platform ?? null);
  const clobber = job.clobber !== false;
  if (!clobber && chosen !== null) refuseTaken(tools, names, chosen.id);
  const attachments = job.blobs === 'drop' ? [] : await keepAttachments(tools, index, run);
  for (const name of names) {
    if (chosen === null)
      run.warn(`${name} was not tagged: its index has no image here for ${platformText(job.platform)}`);
    else if (chosen.instead)
      run.warn(`${name} is its image for ${platformText(chosen.platform)}: it has none for this machine`);
    const moved = chosen === null ? null : await tagImage(tools, name, chosen.id, clobber);
    if (moved !== null) run.warn(moved);
  }
  await graph.exclusive(() => graph.indexes.keep(names, index.raw, { digest, mediaType, members, attachments }));
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

function knownMember({ graph }: JobTools, { digest, platform, configDigest }: SourceIndex['members'][number]): Member {
  const id = configDigest === null ? null : digestHex(configDigest);
  return { digest, platform, id: id !== null && graph.has(id) ? id : null };
}

function platformText(platform: Platform | null | undefined): string {
  return platform == null ? 'any platform' : formatPlatform(platform);
}

async function keepAttachments(tools: JobTools, index: SourceIndex, run: JobRun): Promise<KeptIndex['attachments']> {
  const { graph, pool } = tools;
  const kept: KeptIndex['attachments'] = [];
  for (const blob of index.attachments) {
    const staging = await graph.mktemp();
    try {
      const to = join(staging.path, 'blob');
      const copied = await pool.run('blob.copy', { blob, to }, { signal: run.signal });
      const digest = blob.digest ?? copied.digest;
      await graph.blobs.adopt(to, digest);
      kept.push({ digest, size: copied.size });
    } finally {
      await staging.remove();
    }
  }
  return kept;
}
