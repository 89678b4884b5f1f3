import type { CompressionProfile, PackingName } from '../../compression/codec.ts';
import type { TempArchive } from '../../graph/temp-archive.ts';
import type { TempArchiveOptions } from '../../graph/temp-layer-archive.ts';
import type { JobRun, StoreTools } from '../job-context.ts';

/** Gets a layer back as a temporary archive, which the caller reads or closes. */
export interface TempLayerArchiveJob extends Pick<TempArchiveOptions, 'formatter' | 'output'> {
  type: 'tempLayerArchive';
  id: string;
  compression: PackingName | CompressionProfile;
}

export function runTempLayerArchive(
  { graph }: StoreTools,
  job: TempLayerArchiveJob,
  run: JobRun,
): Promise<TempArchive> {
  const { formatter, output } = job;
  const { signal, report: onProgress } = run;
  return graph.tempLayerArchive(job.id, job.compression, { formatter, output, signal, onProgress });
}
