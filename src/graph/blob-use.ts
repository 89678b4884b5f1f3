import type { Digest } from '../identity/digest.ts';
import type { GraphContext } from './context.ts';

/** Removes those of the kept blobs that no image and no index needs; called under the store's lock. */
export async function dropUnneededBlobs(context: GraphContext, digests: ReadonlySet<Digest>): Promise<void> {
  if (digests.size === 0) return;
  const unneeded = new Set(digests);
  for (const digest of await context.indexes.attachments()) unneeded.delete(digest);
  for (const id of context.family.ids()) {
    if (unneeded.size === 0) return;
    const info = await context.store.info(id).catch(() => null);
    for (const blob of [info?.blob, ...(info?.blobs ?? [])]) if (blob != null) unneeded.delete(blob.digest);
  }
  for (const digest of unneeded) await context.blobs.remove(digest);
}
