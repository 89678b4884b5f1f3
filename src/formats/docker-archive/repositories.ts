import { parseRepositoryTag } from '../../identity/reference.ts';

/** The `repositories` of an archive: repository → tag → id, sorted; a name given twice leads to the last id. */
export function repositoriesJson(names: readonly [name: string, id: string][]): Buffer {
  const repositories = new Map<string, Map<string, string>>();
  for (const [name, id] of names) {
    const { repository, reference } = parseRepositoryTag(name);
    const tags = repositories.get(repository) ?? new Map<string, string>();
    repositories.set(repository, tags.set(reference, id));
  }
  const sorted = [...repositories]
    .toSorted(byName)
    .map(([name, tags]) => [name, Object.fromEntries([...tags].toSorted(byName))]);
  return Buffer.from(`${JSON.stringify(Object.fromEntries(sorted))}\n`);
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}
