import { engineError } from '../../../errors/kinds.ts';
import { parseSelection } from '../../selection.ts';
import { type Family, headsOf } from '../../v1-family.ts';
import type { RootTags } from './tags.ts';

/** An image to give: what it is called in messages, and the names it gets. */
export interface WantedImage {
  ref: string;
  id: string;
  names: string[];
}

/** Ids that a prefix may mean are named up to this many. */
const SHOWN_MATCHES = 10;

/**
 * The images that have a name, in the order of the tag files, and then those without children; or the one that `ref`
 * selects: by a name, by its place (`@0`), or by the beginning of its id, also of one that has children and no name.
 * Throws ID_AMBIGUOUS.
 */
export function chooseImages(family: Family, { names }: RootTags, ref: string | null): WantedImage[] {
  const named = [...names].map(([id, own]): WantedImage => ({ ref: own[0] ?? id, id, names: own }));
  const heads = headsOf(family).filter((id) => !names.has(id));
  const all = [...named, ...heads.map((id): WantedImage => ({ ref: id, id, names: [] }))];
  if (ref === null) return all;
  const selection = parseSelection(ref);
  if ('place' in selection) return all.slice(selection.place, selection.place + 1);
  const asked = (name: string): boolean => name === selection.text || name === selection.name;
  const byName = all
    .map((image) => ({ ...image, names: image.names.filter(asked) }))
    .filter((image) => image.names.length > 0)
    .map((image) => ({ ...image, ref: image.names[0]! }));
  return byName.length > 0 ? byName : byPrefix(family, names, selection.text);
}

function byPrefix({ parents, broken }: Family, names: RootTags['names'], text: string): WantedImage[] {
  if (!/^[a-f0-9]{1,64}$/.test(text)) return [];
  const ids = [...parents.keys(), ...broken.keys()].filter((id) => id.startsWith(text));
  if (ids.length > 1) {
    throw engineError('ID_AMBIGUOUS', `${ids.length} images have an id that begins with ${text}`, {
      prefix: text,
      matches: ids.slice(0, SHOWN_MATCHES),
    });
  }
  return ids.map((id) => ({ ref: id, id, names: names.get(id) ?? [] }));
}
