import type { Digest } from '../../identity/digest.ts';
import type { Repository } from './registry.ts';

/** Requests that wait for their turn at once. */
const AT_ONCE = 16;

/** Every tag that leads to a manifest, as far as the registry lists its tags: one HEAD for each of them. */
export async function tagsOfManifest(repository: Repository, digest: Digest, signal?: AbortSignal): Promise<string[]> {
  const tags: string[] = [];
  let asked: string[] = [];
  const look = async (): Promise<void> => {
    const heads = await Promise.all(asked.map((tag) => repository.headManifest(tag, signal)));
    tags.push(...asked.filter((_, index) => heads[index]?.digest === digest));
    asked = [];
  };
  for await (const tag of repository.tags(signal)) {
    asked.push(tag);
    if (asked.length === AT_ONCE) await look();
  }
  await look();
  return tags;
}
