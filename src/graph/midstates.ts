import { PART_BYTES } from '../compression/codec.ts';
import type { Digest } from '../identity/digest.ts';
import { STATE_BYTES } from '../system/resumable-sha256.ts';
import type { PartProof } from '../tasks/task-map.ts';

/** True for the midstates of a tar of this size. */
export function areMidstates(text: string, tarSize: number): boolean {
  const states = Buffer.from(text, 'base64');
  return states.length === STATE_BYTES * Math.floor(tarSize / PART_BYTES) && states.toString('base64') === text;
}

/** What proves one part of a tar, from the states that were noted when it was hashed, one after the other. */
export function proofOfPart(
  states: Buffer,
  { diffId, part, last }: { diffId: Digest; part: number; last: boolean },
): PartProof {
  const stateAfter = (count: number): string =>
    states.toString('base64', STATE_BYTES * (count - 1), STATE_BYTES * count);
  return { diffId, before: part === 0 ? null : stateAfter(part), after: last ? null : stateAfter(part + 1) };
}
