import { setImmediate } from 'node:timers/promises';
import type { Digest } from '../identity/digest.ts';
import type { GraphContext } from './context.ts';

/** Images that are asked before others get a turn: a few milliseconds. */
const IMAGES_PER_TURN = 500;

/**
 * Removes those of the kept blobs that no image and no index needs; called under the store's lock. Every image is asked,
 * and one that cannot be read needs none: 100,000 of them take about a second.
 */
export async function dropUnneededBlobs(context: GraphContext, digests: ReadonlySet<Digest>): Promise<void> {
  if (digests.size === 0) return;
  const unneeded = new Set(digests);
  for (const digest of await context.indexes.attachments()) unneeded.delete(digest);
  for (const [at, id] of context.family.ids().entries()) {
    if (unneeded.size === 0) return;
    if (at % IMAGES_PER_TURN === 0) await setImmediate();
    for (const digest of mentionedBy(context, id, unneeded)) unneeded.delete(digest);
  }
  for (const digest of unneeded) await context.blobs.remove(digest);
}

function mentionedBy({ store }: GraphContext, id: string, digests: ReadonlySet<Digest>): Digest[] {
  try {
    return store.mentioned(id, digests);
  } catch {
    return [];
  }
}
