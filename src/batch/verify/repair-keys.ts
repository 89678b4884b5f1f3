import type { LedgerRow } from '../ledger/ledger.ts';
import { destinationKey } from '../run/ledger-plan.ts';
import { isMismatch, type VerifiedImage } from './verified-image.ts';

/**
 * The items of a ledger that have to be done again to mend what was found: the images that are not what they should be, their
 * damaged blobs, and the ends of their destinations. A run that trusts the ledger then does no more than that.
 */
export function repairKeys(results: readonly VerifiedImage[], rows: readonly LedgerRow[]): string[] {
  const bad = results.filter(({ findings }) => findings.some(isMismatch));
  const images = new Set(bad.map(({ key }) => key));
  const ends = new Set(bad.map(({ destination }) => destinationKey(destination)));
  const damaged = new Set(bad.flatMap((image) => image.damaged.map((digest) => `${image.destination} ${digest}`)));
  return rows
    .filter(({ state }) => state === 'done')
    .filter(({ item, result }) => {
      if (item.kind === 'image') return images.has(item.key);
      if (item.kind === 'destination') return ends.has(item.key);
      const { destination } = item.data as { destination: string };
      return damaged.has(`${destination} ${result?.blob?.digest}`);
    })
    .map(({ item }) => item.key);
}
