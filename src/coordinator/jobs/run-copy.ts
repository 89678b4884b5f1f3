import { throwIfAborted } from '../../streams/abort.ts';
import { CopyDesk } from '../copy/copy-desk.ts';
import { CopyRun } from '../copy/copy-run.ts';
import { PackedLayers } from '../copy/packed-layers.ts';
import type { JobRun, JobTools } from '../job-context.ts';
import type { CopiedImage, CopyJob } from './copy.ts';

/**
 * Sources are opened one after the other, while images of earlier ones are still on their way. Images are put in the order
 * of their sources; one that fails leaves the others alone.
 */
export async function runCopy(tools: JobTools, job: CopyJob, run: JobRun): Promise<CopiedImage[]> {
  const { sink, cache = null } = job;
  try {
    return await atDesk(tools, job, run);
  } finally {
    await sink.close();
    await cache?.close();
  }
}

async function atDesk(tools: JobTools, job: CopyJob, run: JobRun): Promise<CopiedImage[]> {
  const { sink, cache = null, dryRun = false } = job;
  await using desk = await CopyDesk.open(tools, job, run, new PackedLayers(cache));
  const results = await new CopyRun(tools, job, run, desk).all();
  throwIfAborted(run.signal);
  if (!dryRun && results.some(({ error }) => error === null)) await sink.commit();
  for (const result of results) job.onImage?.(result);
  for (const artifact of desk.artifacts) job.onArtifact?.(artifact);
  return results;
}
