import { createHash } from 'node:crypto';
import type { Json } from '../ledger/ledger.ts';

/** Names a thing of a plan by what it is: 32 hexadecimal digits, the same in every plan that has it. */
export function keyOf(...what: readonly Json[]): string {
  return createHash('sha256').update(JSON.stringify(what)).digest('hex').slice(0, 32);
}

/** JSON whose keys are in order, so that the same values have the same text; what is undefined is left out. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
