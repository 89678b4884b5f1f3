import type { Image } from '../graph/image.ts';
import type { TempArchive } from '../graph/temp-archive.ts';
import type { JobRun, JobTools } from './job-context.ts';
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
}

/** What each type of job gives back. */
export interface JobResults {
  register: Image;
  create: Image;
  tempLayerArchive: TempArchive;
  import: ImportedImage[];
  export: ExportedImage[];
}

export type JobType = keyof Jobs;
export type Job = Jobs[JobType];
export type ResultOf<Kind extends Job> = JobResults[Kind['type']];

type Run<Type extends JobType> = (tools: JobTools, job: Jobs[Type], run: JobRun) => Promise<JobResults[Type]>;

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
};

export function laneOf(job: Job): LaneName {
  return JOBS[job.type].lane;
}

export async function runJob<Kind extends Job>(tools: JobTools, job: Kind, run: JobRun): Promise<ResultOf<Kind>> {
  // The table says that the work under a type takes jobs of that type; the compiler does not follow it through a union.
  const work = (await JOBS[job.type].load()) as (tools: JobTools, job: Job, run: JobRun) => Promise<ResultOf<Kind>>;
  return work(tools, job, run);
}
