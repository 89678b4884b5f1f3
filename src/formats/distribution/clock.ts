import { setTimeout as delay } from 'node:timers/promises';
import { cancelled } from '../../streams/abort.ts';

/** Time and chance, so that tests need not wait for them. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Rejects with CANCELLED when `signal` aborts. */
  sleep(ms: number, signal: AbortSignal | undefined): Promise<void>;
  /** From 0 to below 1. */
  random(): number;
}

export const SYSTEM_CLOCK: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  sleep: async (ms, signal) => {
    try {
      await delay(ms, undefined, signal === undefined ? {} : { signal });
    } catch {
      throw cancelled(signal);
    }
  },
};
