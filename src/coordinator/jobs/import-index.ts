import { join } from 'node:path';
import { digestHex } from '../../identity/digest.ts';
import type { Platform, SourceIndex } from '../../image/image-source.ts';
import type { KeptIndex } from '../../graph/indexes.ts';
import type { JobRun, JobTools } from '../job-context.ts';
import { tagImage } from './tag-image.ts';

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', arm64: 'arm64', arm: 'arm' };

/** What of an import decides about its indexes. */
interface IndexJob {
  name?: string | undefined;
  clobber?: boolean | undefined;
  blobs?: 'keep' | 'drop' | undefined;
  platform?: Platform | undefined;
}

/** Keeps an index with what came with it, and tags the image that its names mean here. */
export async function keepIndex(tools: JobTools, job: IndexJob, index: SourceIndex, run: JobRun): Promise<void> {
  const { graph } = tools;
  const members = index.members.map(({ digest, platform, configDigest }) => {
    const id = configDigest === null ? null : digestHex(configDigest);
    return { digest, platform, id: id !== null && graph.has(id) ? id : null };
  });
  const attachments = job.blobs === 'drop' ? [] : await keepAttachments(tools, index, run);
  const kept: KeptIndex = { digest: index.digest, mediaType: index.mediaType, members, attachments };
  const names = job.name === undefined ? index.names : [job.name];
  await graph.exclusive(() => graph.indexes.keep(names, index.raw, kept));
  const chosen = chooseMember(kept, job.platform ?? null);
  if (chosen === null) return;
  const warnings: string[] = [];
  for (const name of names) await tagImage(tools, job, name, chosen.id, warnings);
  if (chosen.why !== null && names.length > 0) warnings.push(`${names.join(', ')} means ${chosen.why}`);
  for (const warning of warnings) run.warn(warning);
}

/** The image of an index for a platform: the one asked for, else this machine's, else the first that is here. */
export function chooseMember(index: KeptIndex, wanted: Platform | null): { id: string; why: string | null } | null {
  const here = index.members.filter((member) => member.id !== null) as (KeptIndex['members'][number] & {
    id: string;
  })[];
  const exact = here.find((member) => matches(member.platform, wanted ?? thisPlatform()));
  if (exact !== undefined) return { id: exact.id, why: null };
  if (wanted !== null) return null;
  const first = here[0];
  if (first === undefined) return null;
  const { os = '?', architecture = '?' } = first.platform ?? {};
  return { id: first.id, why: `the image for ${os}/${architecture}: there is none for this machine` };
}

function matches(platform: Platform | null, wanted: Platform): boolean {
  if (platform === null || platform.os !== wanted.os || platform.architecture !== wanted.architecture) return false;
  return wanted.variant === undefined || platform.variant === wanted.variant;
}

function thisPlatform(): Platform {
  return { os: process.platform, architecture: ARCHITECTURES[process.arch] ?? process.arch };
}

async function keepAttachments(
  { graph, pool }: JobTools,
  index: SourceIndex,
  run: JobRun,
): Promise<KeptIndex['attachments']> {
  const kept: KeptIndex['attachments'] = [];
  for (const blob of index.attachments) {
    const staging = await graph.mktemp();
    try {
      const to = join(staging.path, 'blob');
      const { digest, size } = await pool.run('blob.copy', { blob, to }, { signal: run.signal });
      await graph.blobs.adopt(to, blob.digest ?? digest);
      kept.push({ digest: blob.digest ?? digest, size });
    } finally {
      await staging.remove();
    }
  }
  return kept;
}
