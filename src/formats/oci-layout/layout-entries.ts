import { engineError } from '../../errors/kinds.ts';
import type { Digest } from '../../identity/digest.ts';
import type { Descriptor } from '../../image/manifest.ts';
import { quoted } from '../../image/strict-json.ts';
import { layoutName, REF_NAME } from '../names.ts';
import { nothingSelected, type Selection } from '../selection.ts';

/** One thing that index.json lists, under all the names that it is listed by. */
export interface LayoutEntry {
  descriptor: Descriptor;
  /** Its first ref name, or its digest. */
  ref: string;
  names: string[];
}

/** A line of index.json: its place, and the name that its annotations give. */
interface Line {
  place: number;
  descriptor: Descriptor;
  refName: string | null;
  name: string | null;
}

/**
 * The entries of index.json, or the one that was asked for. A thing that is listed several times is one entry with
 * several names. Throws IMAGE_NOT_FOUND, and ID_AMBIGUOUS when different things have the name.
 */
export function layoutEntries(
  descriptors: readonly Descriptor[],
  location: string,
  asked: { ref: string; selection: Selection } | null,
): LayoutEntry[] {
  const lines = descriptors.map((descriptor, place): Line => {
    const refName = descriptor.annotations.get(REF_NAME) ?? null;
    return { place, descriptor, refName, name: layoutName(descriptor.annotations, location) };
  });
  if (asked === null) return grouped(lines);
  const entries = grouped(lines.filter((line) => isAskedFor(line, asked.selection)));
  if (entries.length === 0) throw nothingSelected(location, asked.ref);
  if (entries.length > 1) throw ambiguous(asked.ref, entries);
  return entries;
}

function grouped(lines: readonly Line[]): LayoutEntry[] {
  const entries = new Map<Digest, LayoutEntry>();
  for (const { descriptor, refName, name } of lines) {
    const entry = entries.get(descriptor.digest) ?? {
      descriptor,
      ref: name ?? refName ?? descriptor.digest,
      names: [],
    };
    if (name !== null && !entry.names.includes(name)) entry.names.push(name);
    entries.set(descriptor.digest, entry);
  }
  return [...entries.values()];
}

function isAskedFor(line: Line, selection: Selection): boolean {
  if ('place' in selection) return line.place === selection.place;
  return line.refName === selection.text || line.descriptor.digest === selection.text || isNamed(line, selection.name);
}

function isNamed({ name }: Line, asked: string | null): boolean {
  return name !== null && name === asked;
}

function ambiguous(ref: string, entries: readonly LayoutEntry[]): Error {
  return engineError(
    'ID_AMBIGUOUS',
    `${quoted(ref)} names ${entries.length} different things in the layout; ask for one by its digest or by @0, @1, …`,
    { prefix: ref, matches: entries.map(({ descriptor }) => descriptor.digest) },
  );
}
