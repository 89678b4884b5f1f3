import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { profileFor } from '../../compression/codecs.ts';
import type { CompressionProfile } from '../../compression/codec.ts';
import { withLibrary } from '../../compression/libraries.ts';
import { throwIfAborted } from '../../streams/abort.ts';
import { CopyRun } from '../copy/copy-run.ts';
import { LayerCopier } from '../copy/layer-copier.ts';
import { LegacyConverter } from '../copy/legacy-image.ts';
import { PackedLayers } from '../copy/packed-layers.ts';
import type { JobRun, JobTools } from '../job-context.ts';
import type { CopiedImage, CopyJob } from './copy.ts';

/**
 * Sources are opened one after the other, while images of earlier ones are still on their way. Images are put in the order
 * of their sources; one that fails leaves the others alone.
 */
export async function runCopy(tools: JobTools, job: CopyJob, run: JobRun): Promise<CopiedImage[]> {
  const { sink, cache = null } = job;
  const beside = job.dryRun === true ? undefined : sink.workDir;
  let dir: string | null = null;
  try {
    const profile = await profileOf(job);
    dir = await mkdtemp(join(beside ?? tools.tempDir, 'layermill-copy-'));
    const copier = new LayerCopier(tools, run, {
      sink,
      profile,
      repack: job.repack === true,
      packed: new PackedLayers(cache),
      dir,
    });
    const copying = new CopyRun(tools, job, run, copier, new LegacyConverter(tools, run, dir));
    const results = await copying.all();
    throwIfAborted(run.signal);
    if (job.dryRun !== true && results.some(({ error }) => error === null)) await sink.commit();
    for (const result of results) job.onImage?.(result);
    for (const artifact of copying.artifacts) job.onArtifact?.(artifact);
    return results;
  } finally {
    try {
      if (dir !== null) await rm(dir, { recursive: true, force: true });
    } finally {
      await sink.close();
      await cache?.close();
    }
  }
}

async function profileOf({ compression = 'keep', level, reproducible }: CopyJob): Promise<CompressionProfile | 'keep'> {
  if (compression === 'keep') return 'keep';
  return withLibrary(profileFor({ compression, level, ...(reproducible === undefined ? {} : { reproducible }) }));
}
