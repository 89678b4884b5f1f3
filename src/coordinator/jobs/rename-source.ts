import { engineError } from '../../errors/kinds.ts';
import { familiarReference, parseRepositoryTag, validateTag, validateRepository } from '../../identity/reference.ts';
import type { ImageSource, SourceItem } from '../../image/image-source.ts';

/** More than this in a source that is to get one name is no index with its images, whatever it is. */
const MAX_ITEMS = 1000;

/**
 * The items of a source with one name for the one thing in it: its only image, or the index that all its images belong
 * to. Throws INVALID_NAME, and INVALID_ARGUMENT when there are several things, before anything is read of them.
 */
export async function* renameSource(source: ImageSource, name: string): AsyncGenerator<SourceItem> {
  const given = familiarReference(name);
  const { repository, reference } = parseRepositoryTag(given);
  validateRepository(repository);
  validateTag(reference);
  const items: SourceItem[] = [];
  for await (const item of source.images()) {
    if (items.push(item) > MAX_ITEMS) throw severalImages(name);
  }
  const target = onlyThing(items);
  if (target === null) throw severalImages(name);
  for (const item of items) {
    const isNamed = item.kind !== 'broken' && item.kind !== 'artifact';
    yield isNamed ? { ...item, names: item === target ? [given] : [] } : item;
  }
}

function onlyThing(items: readonly SourceItem[]): SourceItem | null {
  const indexes = items.filter((item) => item.kind === 'index');
  const members = new Set(indexes.flatMap((index) => index.members.map(({ configDigest }) => configDigest)));
  const alone = items.filter(
    (item) => item.kind === 'legacy' || (item.kind === 'modern' && !members.has(item.configDigest)),
  );
  const things = [...indexes, ...alone];
  // Images that cannot be read may belong to an index; without one each of them is a thing of its own.
  const all = indexes.length > 0 ? things : [...things, ...items.filter((item) => item.kind === 'broken')];
  return all.length === 1 ? all[0]! : null;
}

function severalImages(name: string): Error {
  const message = 'one name cannot be given to several images; choose one image of the source, or leave the name away';
  return engineError('INVALID_ARGUMENT', message, { argument: 'name', value: name });
}
