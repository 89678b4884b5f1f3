import { engineError } from '../../errors/kinds.ts';
import { imageReference, parseRepositoryTag } from '../../identity/reference.ts';
import type { StoreTools } from '../job-context.ts';

/** Refuses, before any work, names that other images have. */
export function refuseTaken(tools: StoreTools, names: readonly string[], id: string): void {
  for (const name of names) {
    const taken = tagged(tools, name);
    if (taken === null || taken === id) continue;
    const { repository, reference: tag } = parseRepositoryTag(name);
    const message = `the tag ${name} names another image (${taken.slice(0, 12)}), and tags are not to be moved`;
    throw engineError('TAG_TAKEN', message, { repository, tag, id: taken });
  }
}

/** Gives an image a name. One that named another image is moved, as `docker load` does, and that is what it answers. */
export async function tagImage(tools: StoreTools, name: string, id: string, clobber: boolean): Promise<string | null> {
  const old = tagged(tools, name);
  if (old === id) {
    await forgetIndex(tools, name);
    return null;
  }
  const { repository, reference } = parseRepositoryTag(name);
  await tools.tags.set(repository, reference, id, clobber);
  if (old === null) return null;
  return `${imageReference(repository, reference)} named image ${old.slice(0, 12)} until now`;
}

function tagged({ tags }: StoreTools, name: string): string | null {
  const { repository, reference } = parseRepositoryTag(name);
  return tags.get(repository)?.get(reference) ?? null;
}

/** The name means this one image no longer as one of those in the index that it came with. */
async function forgetIndex({ graph }: StoreTools, name: string): Promise<void> {
  if ((await graph.indexes.of(name)) === null) return;
  await graph.exclusive(() => graph.forgetIndexes([name]));
}
