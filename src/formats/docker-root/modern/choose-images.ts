import { engineError } from '../../../errors/kinds.ts';
import type { Digest } from '../../../identity/digest.ts';
import { parseSelection } from '../../selection.ts';
import type { ImageNames } from './image-store.ts';

/** An image to give: what it is called in messages, and the names it gets. */
export interface WantedImage {
  ref: string;
  id: Digest;
  names: string[];
}

/** Ids that a prefix may mean are named up to this many. */
const SHOWN_MATCHES = 10;

/**
 * The images that have a name, by their first, and then those that no other was built on; or the one that `ref` selects:
 * by a name, a digest in a registry, its place (`@0`), or the beginning of its id. Throws ID_AMBIGUOUS.
 */
export function chooseImages(
  ids: readonly Digest[],
  names: ReadonlyMap<string, ImageNames>,
  parents: ReadonlySet<string>,
  ref: string | null,
): WantedImage[] {
  const every = ids.map((id): WantedImage => {
    const own = names.get(id)?.names ?? [];
    return { ref: own[0] ?? names.get(id)?.digests[0] ?? id, id, names: own };
  });
  const isNamed = ({ id }: WantedImage): boolean => names.has(id);
  const all = [
    ...every.filter(isNamed).sort((left, right) => (left.ref < right.ref ? -1 : 1)),
    ...every.filter((image) => !isNamed(image) && !parents.has(image.id)),
  ];
  if (ref === null) return all;
  const selection = parseSelection(ref);
  if ('place' in selection) return all.slice(selection.place, selection.place + 1);
  const { text, name } = selection;
  const byName = all.filter((image) => name !== null && image.names.includes(name));
  if (byName.length > 0) return byName.map((image) => ({ ...image, ref: name!, names: [name!] }));
  const byDigest = all.filter((image) => names.get(image.id)?.digests.includes(text) === true);
  return byDigest.length > 0 ? byDigest : byPrefix(every, text);
}

function byPrefix(every: WantedImage[], text: string): WantedImage[] {
  const prefix = text.replace(/^sha256:/, '');
  if (!/^[a-f0-9]{1,64}$/.test(prefix)) return [];
  const found = every.filter(({ id }) => id.startsWith(`sha256:${prefix}`));
  if (found.length <= 1) return found;
  throw engineError('ID_AMBIGUOUS', `${found.length} images have an id that begins with ${prefix}`, {
    prefix,
    matches: found.slice(0, SHOWN_MATCHES).map(({ id }) => id),
  });
}
