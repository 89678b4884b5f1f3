import { engineError } from '../errors/kinds.ts';
import { quoted } from '../image/strict-json.ts';
import { askedName } from './names.ts';

/** Which image of a source was asked for: one by its place (`@0` is the first), or those with a name. */
export type Selection = { place: number } | { text: string; name: string | null };

/** Reads the REF of `transport:PATH:REF`. */
export function parseSelection(ref: string): Selection {
  const place = /^@(\d{1,6})$/.exec(ref);
  if (place !== null) return { place: Number(place[1]) };
  return { text: ref, name: nameOf(ref) };
}

function nameOf(ref: string): string | null {
  try {
    return askedName(ref);
  } catch {
    return null;
  }
}

export function nothingSelected(location: string, ref: string): Error {
  return engineError('IMAGE_NOT_FOUND', `no image called ${quoted(ref)} in ${quoted(location)}`, { name: ref });
}
