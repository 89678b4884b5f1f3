import { engineError } from '../errors/kinds.ts';
import { type GraphContext, refuseReadOnly } from './context.ts';

/** Why an image may not go, beside its children. */
export interface RemoveRules {
  /** The names of an image; those of one that is to go are a conflict unless `force` is set. */
  namesOf(id: string): string[];
  force: boolean;
}

/**
 * Removes an image with its layer. Throws IMAGE_NOT_FOUND, ID_AMBIGUOUS, IMAGE_HAS_CHILDREN, IMAGE_HAS_NAMES, and
 * IMAGE_IN_USE while somebody reads the layer.
 */
export async function removeImage(context: GraphContext, name: string, rules: RemoveRules): Promise<string> {
  refuseReadOnly(context);
  return context.lock.exclusive(async () => {
    context.family.refresh();
    const id = await resolveAnything(context, name);
    const children = context.family.children(id);
    if (children.length > 0) throw hasChildren(id, children);
    const names = rules.namesOf(id);
    if (names.length > 0 && !rules.force) throw hasNames(id, names);
    if (context.retained.isRetained(id)) {
      throw engineError('IMAGE_IN_USE', `image ${id} is being read; try again when that has ended`, { id });
    }
    await removeLocked(context, id);
    return id;
  });
}

/** Removes those of the images, the last one first, that no image is built on and nobody is using. */
export async function removeUnneeded(context: GraphContext, ids: readonly string[]): Promise<void> {
  if (!ids.some((id) => context.family.has(id))) return;
  await context.lock.exclusive(async () => {
    context.family.refresh();
    for (const id of [...ids].reverse()) {
      if (!context.family.has(id) || context.family.hasChildren(id) || context.retained.isRetained(id)) continue;
      await removeLocked(context, id);
    }
  });
}

/** Metadata first: with it the image is gone, and a tree without metadata is nobody's. */
async function removeLocked(context: GraphContext, id: string): Promise<void> {
  const blobs = (await context.store.info(id))?.blobs ?? [];
  await context.store.remove(id);
  context.family.forget(id);
  await context.driver.remove(id);
  const needed = blobs.some((blob) => blob !== null) ? await neededBlobs(context) : new Set<string>();
  for (const blob of blobs) if (blob !== null && !needed.has(blob.digest)) await context.blobs.remove(blob.digest);
}

/** A broken image can be removed too, by its whole id. */
async function resolveAnything(context: GraphContext, name: string): Promise<string> {
  if (!context.family.has(name) && (await context.store.ids()).includes(name)) return name;
  return context.family.resolve(name);
}

async function neededBlobs(context: GraphContext): Promise<Set<string>> {
  const needed = new Set<string>();
  for (const id of context.family.ids()) {
    for (const blob of (await context.store.info(id))?.blobs ?? []) if (blob !== null) needed.add(blob.digest);
  }
  return needed;
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
