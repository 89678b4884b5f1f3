import { parseRepositoryTag } from '../../identity/reference.ts';
import type { JobTools } from '../job-context.ts';

/** A tag that named another image is moved, and that is said. */
export async function tagImage(
  { tags }: JobTools,
  job: { clobber?: boolean | undefined },
  name: string,
  id: string,
  warnings: string[],
): Promise<void> {
  const { repository, reference } = parseRepositoryTag(name);
  const old = tags.get(repository)?.get(reference);
  if (old === id) return;
  await tags.set(repository, reference, id, job.clobber !== false);
  if (old !== undefined) warnings.push(`the tag ${name} was moved here from image ${old.slice(0, 12)}`);
}
