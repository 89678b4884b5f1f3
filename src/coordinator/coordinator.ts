import type { LayerLimits } from '../archive/limits.ts';
import { engineError } from '../errors/kinds.ts';
import type { Graph } from '../graph/graph.ts';
import type { TagStore } from '../graph/tag-store.ts';
import { Budget } from '../streams/byte-budget.ts';
import type { SpoolBudget } from '../streams/spool-budget.ts';
import type { TaskPool } from '../tasks/task-pool.ts';
import { CopyDesk } from './copy/copy-desk.ts';
import type { PackedLayers } from './copy/packed-layers.ts';
import { type JobDefaults, withDefaults } from './job-defaults.ts';
import type { JobTools, StoreTools } from './job-context.ts';
import { type Job, laneOf, type ResultOf, runJob } from './job-list.ts';
import type { JobEvent, JobHandle, SubmitOptions } from './job.ts';
import type { CopyTerms } from './jobs/copy.ts';
import { type LaneName, Lanes } from './lanes.ts';
import { Readiness } from './readiness.ts';
import { type Jobs, runJobs } from './run-jobs.ts';
import { startJob } from './start-job.ts';

export interface CoordinatorOptions {
  /** Without one, only jobs that need none can be run: `copy`. */
  store: { graph: Graph; tags: TagStore } | null;
  pool: TaskPool;
  /** Images at once in imports and exports. */
  jobs: number;
  /** Jobs at once in each lane. */
  lanes: Record<LaneName, number>;
  /** Bytes of finished layers on the disk at once, with what the graph and the formats count there. */
  spool: SpoolBudget;
  tempDir: string;
  limits: LayerLimits;
  /** For what a job does not say; without them the jobs' own defaults count. */
  defaults?: JobDefaults;
}

interface DeskOptions {
  /** What packing has taught; shared by the desks of a run. */
  packed: PackedLayers;
  /** Bytes of temporary files, where another bound holds than that of the coordinator. */
  spool?: SpoolBudget | undefined;
  signal: AbortSignal;
  onWarning: (message: string) => void;
}

export interface Coordinator {
  /** Waits for room, then answers a handle on the job. Throws CANCELLED when the signal aborts before. */
  submit<Kind extends Job>(job: Kind, options?: SubmitOptions): Promise<JobHandle<ResultOf<Kind>>>;
  /** Runs jobs, taking the next one only when there is room. Leaving the iteration cancels what is left. */
  run<Kind extends Job>(jobs: Jobs<Kind>, options?: SubmitOptions): AsyncGenerator<JobEvent<Kind, ResultOf<Kind>>>;
  /** Opens a desk for one destination: work that somebody else puts in order, outside the lanes. */
  desk(terms: CopyTerms, options: DeskOptions): Promise<CopyDesk>;
  /** Refuses new jobs, cancels those there are and waits for their end. */
  close(): Promise<void>;
}

/**
 * Runs jobs on the threads of a pool: as many at once as its lanes are wide, with a few waiting. Submitting waits for
 * room, so a producer can never run ahead of the work.
 */
export function createCoordinator(options: CoordinatorOptions): Coordinator {
  const { store, pool, spool, tempDir, limits } = options;
  const images = new Budget(options.jobs);
  const tools: JobTools | StoreTools = { ...store, pool, limits, images, spool, tempDir };
  const lanes = new Lanes(options.lanes);
  const readiness = new Readiness();
  const unfinished = new Set<JobHandle<unknown>>();
  let submitted = 0;
  let closed = false;

  async function submit<Kind extends Job>(asked: Kind, given: SubmitOptions = {}): Promise<JobHandle<ResultOf<Kind>>> {
    const job = options.defaults === undefined ? asked : withDefaults(asked, options.defaults);
    const { signal, priority = 0, onStart, onWarning } = given;
    const lane = laneOf(job);
    if (closed) throw isClosed();
    const leave = await lanes.enter(lane, { priority, signal });
    if (closed) {
      leave();
      throw isClosed();
    }
    const handle = startJob<ResultOf<Kind>>({
      id: `${job.type}-${++submitted}`,
      signal,
      onStart,
      onWarning,
      // Entered before the job is queued: what is submitted later may wait for it, never the other way round.
      readyAfter: (done) => readiness.enter(job, done),
      queue: (work, stop) => lanes.run(lane, work, { priority, signal: stop }),
      work: (run) => runJob(tools, job, run),
    });
    unfinished.add(handle);
    const forget = (): void => {
      unfinished.delete(handle);
      leave();
    };
    handle.done.then(forget, forget);
    return handle;
  }

  return {
    submit,
    desk: (terms, { packed, spool: own, signal, onWarning }) => {
      const run = { signal, warn: onWarning, report: () => {}, expect: () => {} };
      return closed ? Promise.reject(isClosed()) : CopyDesk.open({ ...tools, spool: own ?? spool }, terms, run, packed);
    },
    run: <Kind extends Job>(jobs: Jobs<Kind>, given: SubmitOptions = {}) =>
      runJobs<Kind, ResultOf<Kind>>(submit, jobs, given),
    close: async () => {
      closed = true;
      for (const handle of unfinished) handle.cancel();
      await Promise.allSettled([...unfinished].map((handle) => handle.done));
    },
  };
}

function isClosed(): Error {
  return engineError('CANCELLED', 'the coordinator is closed', {});
}
