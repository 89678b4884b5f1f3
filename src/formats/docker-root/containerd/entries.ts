import { engineError, isEngineError } from '../../../errors/kinds.ts';
import { type Digest, digestHex, isDigest } from '../../../identity/digest.ts';
import { quoted } from '../../../image/strict-json.ts';
import type { NamedDescriptor } from '../../content.ts';
import { taggedName } from '../../names.ts';
import { nothingSelected, parseSelection } from '../../selection.ts';
import type { ImageRecord } from './metadata.ts';

/** One thing that names stand for, under all of them. */
export interface StoreEntry extends NamedDescriptor {
  records: ImageRecord[];
}

interface Line {
  record: ImageRecord;
  /** Null for a record without a tag, and for one whose name another namespace has already. */
  name: string | null;
}

/** Digests that a prefix may mean are named up to this many. */
const SHOWN_MATCHES = 10;

/**
 * What is to be read: everything, or what `ref` selects by a name, a place (`@0`) or the beginning of a digest. Records
 * of the same digest are one entry. Throws IMAGE_NOT_FOUND or ID_AMBIGUOUS; `warnings` gets the names that clash.
 */
export function storeEntries(
  records: readonly ImageRecord[],
  location: string,
  ref: string | null,
  warnings: string[],
): StoreEntry[] {
  const lines = linesOf(records, warnings);
  if (ref === null) return grouped(lines);
  const chosen = grouped(select(lines, ref));
  if (chosen.length === 0) throw nothingSelected(location, ref);
  if (chosen.length === 1) return chosen;
  const digests = chosen.map(({ descriptor }) => descriptor.digest);
  throw ambiguous(ref, digests);
}

/** True when `ref` selects a record of this name. */
export function isCalled(name: string, ref: string): boolean {
  const selection = parseSelection(ref);
  if ('place' in selection) return false;
  return name === selection.text || (selection.name !== null && tagOf(name) === selection.name);
}

/** True for a digest, and for how its hex begins. */
export function beginsWith(digest: Digest, text: string): boolean {
  return text !== '' && (digestHex(digest).startsWith(text) || digest === text);
}

export function ambiguous(ref: string, digests: readonly Digest[]): Error {
  const message = `${quoted(ref)} means ${digests.length} different images of the store; say more of the digest`;
  return engineError('ID_AMBIGUOUS', message, { prefix: ref, matches: digests.slice(0, SHOWN_MATCHES) });
}

/** A name has one meaning: that of the first namespace, which is Docker's if it is there. */
function linesOf(records: readonly ImageRecord[], warnings: string[]): Line[] {
  const meanings = new Map<string, ImageRecord>();
  return records.map((record): Line => {
    const name = tagOf(record.name);
    const first = name === null ? record : (meanings.get(name) ?? record);
    if (name !== null) meanings.set(name, first);
    if (first.target.digest === record.target.digest) return { record, name };
    warnings.push(
      `${quoted(record.name)} of the namespace ${quoted(record.namespace)} is another image than that of ${quoted(first.namespace)}, and is given without a name`,
    );
    return { record, name: null };
  });
}

/** Docker calls an image that has lost its name `moby-dangling@sha256:…`, and Kubernetes has some under their ids. */
function tagOf(name: string): string | null {
  if (name.includes('@') || isDigest(name)) return null;
  try {
    return taggedName(name);
  } catch (error) {
    if (isEngineError(error)) return null;
    throw error;
  }
}

function select(lines: Line[], ref: string): Line[] {
  const selection = parseSelection(ref);
  if ('place' in selection) {
    const digest = grouped(lines)[selection.place]?.descriptor.digest;
    return lines.filter(({ record }) => record.target.digest === digest);
  }
  const { text } = selection;
  const named = lines.filter(({ name }) => name !== null && (name === selection.name || name === text));
  if (named.length > 0) return named;
  const written = lines.filter(({ record }) => record.name === text);
  return written.length > 0 ? written : lines.filter(({ record }) => beginsWith(record.target.digest, text));
}

function grouped(lines: readonly Line[]): StoreEntry[] {
  const entries = new Map<Digest, StoreEntry>();
  for (const { record, name } of lines) {
    const descriptor = record.target;
    const known = entries.get(descriptor.digest);
    const entry = known ?? { descriptor, ref: name ?? record.name, names: [], records: [] };
    if (name !== null && !entry.names.includes(name)) entry.names.push(name);
    entry.records.push(record);
    entries.set(descriptor.digest, entry);
  }
  return [...entries.values()];
}
