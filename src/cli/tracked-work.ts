import type { Job, ResultOf } from '../coordinator/job-list.ts';
import type { Pipeline } from '../engine.ts';
import type { WorkOptions } from '../graph/context.ts';
import type { Session } from './session.ts';

/**
 * Starts a job whose progress and warnings are shown; resolves when it has been admitted. `totalBytes` is what the
 * caller knows of its size. (The result is in an object, because a promise of a promise is one that waits.)
 */
export async function startTracked<Kind extends Job>(
  session: Session,
  engine: Pipeline,
  label: string,
  job: Kind,
  totalBytes: number | null = null,
): Promise<{ done: Promise<ResultOf<Kind>> }> {
  const { signal, log, progress } = session;
  const handle = await engine.coordinator.submit(job, { signal, onWarning: (message) => log.warn(message) });
  const finish = progress.track(label, () => {
    const latest = handle.progress();
    return { bytes: latest.bytesIn, totalBytes: latest.totalBytes ?? totalBytes };
  });
  return { done: handle.done.finally(finish) };
}

/** Runs a job to its end, with its progress and its warnings shown. */
export async function runTracked<Kind extends Job>(
  session: Session,
  engine: Pipeline,
  label: string,
  job: Kind,
): Promise<ResultOf<Kind>> {
  return (await startTracked(session, engine, label, job)).done;
}

/** The same for work that is no job; `options` go to the work. */
export function trackWork(session: Session, label: string): { options: WorkOptions; finish: () => void } {
  let bytes = 0;
  const finish = session.progress.track(label, () => ({ bytes, totalBytes: null }));
  const options: WorkOptions = {
    signal: session.signal,
    onProgress: ({ bytesIn }) => {
      bytes = bytesIn;
    },
    onWarning: ({ message, entry }) => session.log.warn(entry === undefined ? message : `${entry}: ${message}`),
  };
  return { options, finish };
}
