import type { Outcome } from '../contest.ts';

/** Of a tool that leaves a tree, which has no digest. */
export function nothing(): Promise<Outcome> {
  return Promise.resolve({ outBytes: null, fingerprint: null });
}
