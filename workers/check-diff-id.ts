import { engineError } from '../src/errors/kinds.ts';
import type { Digest } from '../src/identity/digest.ts';

/** The promise of every layer: its bytes are the ones that its DiffID names. */
export function checkDiffId(expected: Digest | undefined, actual: Digest): void {
  if (expected === undefined || expected === actual) return;
  throw engineError('DIFF_ID_MISMATCH', `the layer's tar has DiffID ${actual}, ${expected} was promised`, {
    expected,
    actual,
  });
}
