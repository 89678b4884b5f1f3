import type { Image } from '../graph/image.ts';
import type { TempArchive } from '../graph/temp-archive.ts';
import { engineError } from '../errors/kinds.ts';
import type { JobRun, JobTools, StoreTools } from './job-context.ts';
import type { CopiedImage, CopyJob } from './jobs/copy.ts';
import type { CreateJob } from './jobs/create.ts';
import type { ExportedImage, ExportJob } from './jobs/export.ts';
import type { ImportedImage, ImportJob } from './jobs/import.ts';
import type { RegisterJob } from './jobs/register.ts';
import type { TempLayerArchiveJob } from './jobs/temp-layer-archive.ts';
import type { LaneName } from './lanes.ts';

interface Jobs {
  register: RegisterJob;
  create: CreateJob;
  tempLayerArchive: TempLayerArchiveJob;
  import: ImportJob;
  export: ExportJob;
  copy: CopyJob;
}

/** What each type of job gives back. */
export interface JobResults {
  register: Image;
  create: Image;
  tempLayerArchive: TempArchive;
  import: ImportedImage[];
  export: ExportedImage[];
  copy: CopiedImage[];
}

export type JobType = keyof Jobs;
export type Job = Jobs[JobType];
export type ResultOf<Kind extends Job> = JobResults[Kind['type']];

/** What a type of job works with: only copying needs no store. */
type ToolsOf<Type extends JobType> = Type extends 'copy' ? JobTools : StoreTools;
type Run<Type extends JobType> = (tools: ToolsOf<Type>, job: Jobs[Type], run: JobRun) => Promise<JobResults[Type]>;

/** One line a type of job: the lane it runs in, and where its work is, which is loaded when it is first needed. */
const JOBS: { readonly [Type in JobType]: { lane: LaneName; load: () => Promise<Run<Type>> } } = {
  register: { lane: 'io', load: async () => (await import('./jobs/register.ts')).runRegister },
  create: { lane: 'io', load: async () => (await import('./jobs/create.ts')).runCreate },
  tempLayerArchive: {
    lane: 'cpu',
    load: async () => (await import('./jobs/temp-layer-archive.ts')).runTempLayerArchive,
  },
  import: { lane: 'io', load: async () => (await import('./jobs/run-import.ts')).runImport },
  export: { lane: 'cpu', load: async () => (await import('./jobs/run-export.ts')).runExport },
  copy: { lane: 'cpu', load: async () => (await import('./jobs/run-copy.ts')).runCopy },
};

export function laneOf(job: Job): LaneName {
  return JOBS[job.type].lane;
}

/** Throws INTERNAL for a job on a store where there is none. */
export async function runJob<Kind extends Job>(
  tools: JobTools | StoreTools,
  job: Kind,
  run: JobRun,
): Promise<ResultOf<Kind>> {
  if (job.type !== 'copy' && !('graph' in tools))
    throw engineError('INTERNAL', `a job of type ${job.type} needs a store`, { where: 'runJob' });
  // The table says that the work under a type takes jobs of that type; the compiler does not follow it through a union.
  const work = (await JOBS[job.type].load()) as (tools: JobTools, job: Job, run: JobRun) => Promise<ResultOf<Kind>>;
  return work(tools, job, run);
}
