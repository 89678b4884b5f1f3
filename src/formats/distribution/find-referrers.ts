import type { Digest } from '../../identity/digest.ts';
import { subjectTags } from '../../image/subject-tag.ts';
import type { FoundReferrer } from '../referrers.ts';
import { describe } from './describe.ts';
import type { Repository } from './registry.ts';

/** What refers to a manifest in a repository: what the registry or its index lists, and what has a tag made of its digest. */
export async function findReferrers(
  repository: Repository,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<FoundReferrer[]> {
  const listed = await repository.referrers(digest, signal);
  const found: FoundReferrer[] = listed.map((descriptor) => ({ descriptor, tag: null }));
  for (const tag of subjectTags(digest)) {
    const manifest = await repository.manifest(tag, signal);
    if (manifest !== null) found.push({ descriptor: describe(manifest), tag });
  }
  return found;
}
