import { parseRepositoryTag } from '../../identity/reference.ts';
import { type DatedName, type ImageFilter, keepNames } from '../image-filter.ts';
import type { Outline } from './outline.ts';

interface Candidate extends DatedName {
  thing: Outline;
  name: string;
}

/**
 * What of the sources of one entry is wanted, by source, each thing with the names that are. What has no name is wanted where
 * nothing asks for names or times.
 */
export function wantedOf(
  filter: ImageFilter | undefined,
  sources: readonly (readonly Outline[])[],
  now: Date,
): Outline[][] {
  if (filter === undefined) return sources.map((things) => [...things]);
  const kept = new Map<Outline, string[]>();
  for (const { thing, name } of keepNames(filter, sources.flat().flatMap(candidates), now))
    kept.set(thing, [...(kept.get(thing) ?? []), name]);
  const { deny: _deny, ...asked } = filter;
  const takesNameless = Object.values(asked).every((value) => value === undefined);
  return sources.map((things) =>
    things.flatMap((thing) => {
      if (thing.names.length === 0) return takesNameless ? [thing] : [];
      const names = kept.get(thing);
      return names === undefined ? [] : [{ ...thing, names }];
    }),
  );
}

function candidates(thing: Outline): Candidate[] {
  return thing.names.map((name) => {
    const { repository, reference: tag } = parseRepositoryTag(name);
    return { repository, tag, created: thing.created, thing, name };
  });
}
