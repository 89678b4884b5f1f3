import type { JobHandle } from '../coordinator/job.ts';
import type { WorkOptions } from '../graph/context.ts';
import type { Session } from './session.ts';

/** Shows work that is no job; `options` go to the work. */
export function watchWork(session: Session, label: string): { options: WorkOptions; finish: () => void } {
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

/** Shows a job until it has ended, and answers its result. `totalBytes` is what the caller knows of its size. */
export async function watchJob<Result>(
  session: Session,
  label: string,
  job: JobHandle<Result>,
  totalBytes: number | null = null,
): Promise<Result> {
  const finish = session.progress.track(label, () => {
    const progress = job.progress();
    return { bytes: progress.bytesIn, totalBytes: progress.totalBytes ?? totalBytes };
  });
  try {
    return await job.done;
  } finally {
    finish();
  }
}
