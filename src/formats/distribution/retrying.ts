import { throwIfAborted } from '../../streams/abort.ts';
import type { Clock } from './clock.ts';
import { MayPass } from './may-pass.ts';

const FIRST_WAIT_MS = 500;
const LONGEST_BACKOFF_MS = 30_000;
/** Longer waits are for the next run: the error says how long. */
export const LONGEST_ASKED_WAIT_MS: number = 10 * 60_000;
const WORTH_A_NOTICE_MS = 5_000;

/** Moving less does not count as progress, so that a server cannot be retried for ever. */
const WORTH_BYTES = 1024 * 1024;

export interface RetryPolicy {
  /** Attempts after the first one. */
  times: number;
  clock: Clock;
  notice: (message: string) => void;
}

/**
 * Does `work` again while it throws MayPass, with waits that double and are never the same for two callers. `progress`
 * is a number that grows when an attempt has achieved something: then the attempts are counted anew.
 */
export async function retrying<Value>(
  work: () => Promise<Value>,
  { times, clock, notice }: RetryPolicy,
  signal: AbortSignal | undefined,
  progress: () => number = () => 0,
): Promise<Value> {
  let achieved = progress();
  for (let failures = 1; ; failures++) {
    throwIfAborted(signal);
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof MayPass)) throw error;
      throwIfAborted(signal);
      if (progress() > achieved) [failures, achieved] = [1, progress()];
      if (failures > times || (error.waitMs ?? 0) > LONGEST_ASKED_WAIT_MS) throw error.error;
      const wait = error.waitMs ?? backoffMs(failures, clock.random());
      if (wait >= WORTH_A_NOTICE_MS) notice(`${error.error.message}; trying again in ${Math.ceil(wait / 1000)} s`);
      await clock.sleep(wait, signal);
    }
  }
}

/** What moving so many bytes has achieved, for `retrying`. */
export function progressOf(bytes: number): number {
  return Math.floor(bytes / WORTH_BYTES);
}

/** Half of the wait is fixed, half is chance, so that those who failed together do not come back together. */
function backoffMs(failures: number, random: number): number {
  const full = Math.min(LONGEST_BACKOFF_MS, FIRST_WAIT_MS * 2 ** (failures - 1));
  return full / 2 + (full / 2) * random;
}
