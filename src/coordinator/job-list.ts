import type { Image } from '../graph/image.ts';
import type { TempArchive } from '../graph/temp-archive.ts';
import type { JobRun, JobTools } from './job-context.ts';
import { type CreateJob, runCreate } from './jobs/create.ts';
import { type ExportedImage, type ExportJob, runExport } from './jobs/export.ts';
import { type ImportedImage, type ImportJob, runImport } from './jobs/import.ts';
import { type RegisterJob, runRegister } from './jobs/register.ts';
import { runTempLayerArchive, type TempLayerArchiveJob } from './jobs/temp-layer-archive.ts';
import type { LaneName } from './lanes.ts';

/** What each type of job gives back. */
export interface JobResults {
  register: Image;
  create: Image;
  tempLayerArchive: TempArchive;
  import: ImportedImage[];
  export: ExportedImage[];
}

export type Job = RegisterJob | CreateJob | TempLayerArchiveJob | ImportJob | ExportJob;
export type JobType = Job['type'];
export type ResultOf<Kind extends Job> = JobResults[Kind['type']];

/** One line a type of job: which lane it runs in, and what it does. */
const JOBS: {
  readonly [Type in JobType]: {
    lane: LaneName;
    run: (tools: JobTools, job: never, run: JobRun) => Promise<JobResults[Type]>;
  };
} = {
  register: { lane: 'io', run: runRegister },
  create: { lane: 'io', run: runCreate },
  tempLayerArchive: { lane: 'cpu', run: runTempLayerArchive },
  import: { lane: 'io', run: runImport },
  export: { lane: 'cpu', run: runExport },
};

export function laneOf(job: Job): LaneName {
  return JOBS[job.type].lane;
}

export function runJob<Kind extends Job>(tools: JobTools, job: Kind, run: JobRun): Promise<ResultOf<Kind>> {
  const entry = JOBS[job.type];
  return entry.run(tools, job as never, run) as Promise<ResultOf<Kind>>;
}
