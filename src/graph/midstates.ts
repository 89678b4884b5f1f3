import { PART_BYTES } from '../compression/codec.ts';
import type { Digest } from '../identity/digest.ts';
import { STATE_BYTES } from '../system/resumable-sha256.ts';
import type { PartProof } from '../tasks/task-map.ts';

/** True for the midstates of a tar of this size. */
export function areMidstates(text: string, tarSize: number): boolean {
  return Buffer.from(text, 'base64').length === STATE_BYTES * Math.floor(tarSize / PART_BYTES);
}

/** What proves one part of a tar, from the states that were noted when it was hashed. */
export function proofOfPart(
  midstates: string,
  { diffId, part, last }: { diffId: Digest; part: number; last: boolean },
): PartProof {
  const states = Buffer.from(midstates, 'base64');
  const stateAfter = (count: number): string =>
    states.toString('base64', STATE_BYTES * (count - 1), STATE_BYTES * count);
  return { diffId, before: part === 0 ? null : stateAfter(part), after: last ? null : stateAfter(part + 1) };
}
