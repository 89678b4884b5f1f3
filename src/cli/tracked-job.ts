import type { Job, ResultOf } from '../coordinator/job-list.ts';
import type { Engine } from '../engine.ts';
import type { Session } from './session.ts';

/** Runs one job, with its progress and its warnings shown. */
export async function runTracked<Kind extends Job>(
  session: Session,
  engine: Engine,
  label: string,
  job: Kind,
): Promise<ResultOf<Kind>> {
  const handle = await engine.coordinator.submit(job, {
    signal: session.signal,
    onWarning: (message) => session.log.warn(message),
  });
  const finished = session.progress.track(label, () => {
    const { bytesIn, totalBytes } = handle.progress();
    return { bytes: bytesIn, totalBytes };
  });
  try {
    return await handle.done;
  } finally {
    finished();
  }
}
