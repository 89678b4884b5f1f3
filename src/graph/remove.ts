import { engineError } from '../errors/kinds.ts';
import type { Digest } from '../identity/digest.ts';
import { isImageId } from '../identity/image-id.ts';
import { syncDirectory } from '../streams/atomic-file.ts';
import { dropUnneededBlobs } from './blob-use.ts';
import { type GraphContext, refuseReadOnly } from './context.ts';

/** Why an image may not go, beside its children. */
export interface RemoveRules {
  /** The names of an image; those of one that is to go are a conflict unless `force` is set. */
  namesOf(id: string): string[];
  force: boolean;
  /** Stops the wait for the store's lock. */
  signal?: AbortSignal | undefined;
}

/**
 * Removes an image with its layer, also a broken one by its whole id. Throws IMAGE_NOT_FOUND, ID_AMBIGUOUS,
 * IMAGE_HAS_CHILDREN, IMAGE_HAS_NAMES, and IMAGE_IN_USE while somebody reads the layer or builds on it.
 */
export async function removeImage(context: GraphContext, name: string, rules: RemoveRules): Promise<string> {
  refuseReadOnly(context);
  return context.lock.exclusive(async () => {
    await context.family.refresh();
    const id = isImageId(name) && context.store.hasDirectory(name) ? name : context.family.resolve(name);
    const children = context.family.children(id);
    if (children.length > 0) throw hasChildren(id, children);
    const names = rules.namesOf(id);
    if (names.length > 0 && !rules.force) throw hasNames(id, names);
    const release = claimImage(context, id);
    try {
      await removeLocked(context, [id]);
    } finally {
      release();
    }
    return id;
  }, rules.signal);
}

/**
 * Says that an image is about to be removed: nobody, in no process, begins to use it until the answered function is
 * called. Throws IMAGE_IN_USE.
 */
export function claimImage({ retained }: GraphContext, id: string): () => void {
  const release = retained.claim(id);
  if (release !== null) return release;
  throw engineError('IMAGE_IN_USE', `image ${id} is being read or built on; try again when that has ended`, { id });
}

/** Removes those of the images, the last one first, that no image is built on and nobody is using. */
export async function removeUnneeded(
  context: GraphContext,
  ids: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  if (ids.length === 0) return;
  await context.lock.exclusive(async () => {
    await context.family.refresh();
    const going = new Map<string, () => void>();
    try {
      for (const id of [...ids].reverse()) {
        const children = context.family.children(id).filter((child) => !going.has(child));
        const release = context.family.has(id) && children.length === 0 ? context.retained.claim(id) : null;
        if (release !== null) going.set(id, release);
      }
      await removeLocked(context, [...going.keys()]);
    } finally {
      for (const release of going.values()) release();
    }
  }, signal);
}

/** Metadata first: without it the image is gone, and while it lies in staging a recovery knows whose the layer was. */
async function removeLocked(context: GraphContext, ids: readonly string[]): Promise<void> {
  const { store, family, driver, lock, durability } = context;
  const digests = new Set<Digest>();
  for (const id of ids) {
    // A broken image may not even say which blobs it has; its other remains go all the same.
    const info = await store.info(id).catch(() => null);
    for (const blob of [info?.blob, ...(info?.blobs ?? [])]) if (blob != null) digests.add(blob.digest);
    lock.noteChange('images');
    const staging = await store.takeAway(id);
    family.forget(id);
    if (durability !== 'none') await syncDirectory(store.root);
    await driver.remove(id);
    await staging.remove();
  }
  await dropUnneededBlobs(context, digests);
}

function hasChildren(id: string, children: string[]): Error {
  const shown = children.slice(0, 10);
  const message = `image ${id} has ${children.length} image(s) built on it (${shown.join(', ')}); remove those first`;
  return engineError('IMAGE_HAS_CHILDREN', message, { id, children: shown });
}

function hasNames(id: string, names: string[]): Error {
  const message = `image ${id} has names: ${names.join(', ')}; remove those first, or use force`;
  return engineError('IMAGE_HAS_NAMES', message, { id, names });
}
