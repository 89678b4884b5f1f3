import type { EngineError } from '../../errors/engine-error.ts';
import { familiarReference } from '../../identity/reference.ts';
import { isImageId, validateImageId } from '../../identity/image-id.ts';
import { decodeRepositories, decodeV1Link } from '../../image/archive-documents.ts';
import { DEFAULT_DOCUMENT_LIMITS } from '../../image/document-limits.ts';
import type { LegacyImage, LegacyLayer, SourceItem } from '../../image/image-source.ts';
import { type ArchiveFile, readPlain } from '../archive-file.ts';
import { brokenImage } from '../broken.ts';
import type { FormatContext } from '../context.ts';
import { memberInvalid, type Members } from '../members.ts';
import { taggedName } from '../names.ts';
import type { Selection } from '../selection.ts';
import { chainInvalid, chainOf, type Family, headsOf, straysOf } from '../v1-family.ts';

/** An archive of Docker before 1.10: a directory `<id>/{json,layer.tar}` for each v1 image, and `repositories`. */
export function isLegacyArchive(members: Members): boolean {
  return imageDirectories(members).some(isImageId);
}

/**
 * The images of such an archive: every one that has a name or no children, with the chain of its parents. Nothing
 * outside the archive is a parent: a chain that does not end in a base, or turns back on itself, is broken.
 */
export async function* readLegacyImages(
  archive: ArchiveFile,
  selection: Selection | null,
  context: FormatContext,
): AsyncGenerator<SourceItem> {
  const ids = imageDirectories(archive.members);
  const tags = await readTags(archive, context);
  const family = await readFamily(archive, ids, context);
  const wanted = choose(family, tags, selection);
  for (const [ref, id, names] of wanted) {
    try {
      yield await readImage(archive, { ref, id, names: names.map(taggedName) }, family, context);
    } catch (error) {
      yield brokenImage(ref, error);
    }
  }
  if (selection !== null) return;
  for (const [ref, error] of straysOf(
    family,
    wanted.map(([, id]) => id),
  )) {
    yield { kind: 'broken', ref, error };
  }
}

function imageDirectories(members: Members): string[] {
  const ids: string[] = [];
  for (const name of members.names()) {
    const [id, file, ...rest] = name.split('/');
    if (id !== undefined && file === 'json' && rest.length === 0) ids.push(id);
  }
  return ids;
}

/** Each id's names, as they are written. */
async function readTags(archive: ArchiveFile, context: FormatContext): Promise<Map<string, string[]>> {
  const raw = await readPlain(archive, 'repositories');
  const namesOf = new Map<string, string[]>();
  if (raw === null) return namesOf;
  for (const [repository, tags] of decodeRepositories(raw, context.documents)) {
    for (const [tag, id] of tags) {
      const names = namesOf.get(id) ?? [];
      names.push(`${repository}:${tag}`);
      namesOf.set(id, names);
    }
  }
  return namesOf;
}

async function readFamily(archive: ArchiveFile, ids: string[], context: FormatContext): Promise<Family> {
  const parents = new Map<string, string | null>();
  const broken = new Map<string, EngineError>();
  for (const id of ids) {
    try {
      const link = decodeV1Link(await readJson(archive, validateImageId(id)), `${id}/json`, context.documents);
      if (link.id !== id) throw chainInvalid(id, 'its JSON says that it is another image');
      parents.set(id, link.parent === null ? null : validateImageId(link.parent));
    } catch (error) {
      broken.set(id, brokenImage(id, error).error);
    }
  }
  return { parents, broken };
}

async function readJson(archive: ArchiveFile, id: string): Promise<Buffer> {
  const name = `${id}/json`;
  const json = await readPlain(archive, name);
  if (json === null) throw memberInvalid(name, 'it is missing');
  return json;
}

/** The images to read: what they are called in messages, their id, and their names as written. */
type Wanted = [ref: string, id: string, names: string[]][];

function choose(family: Family, tags: Map<string, string[]>, selection: Selection | null): Wanted {
  const heads = headsOf(family).filter((id) => !tags.has(id));
  const all: Wanted = [
    ...[...tags].map(([id, names]): Wanted[number] => [familiarReference(names[0]!), id, names]),
    ...heads.map((id): Wanted[number] => [id, id, []]),
  ];
  if (selection === null) return all;
  if ('place' in selection) return all.slice(selection.place, selection.place + 1);
  const asked = (name: string): boolean => name === selection.text || name === selection.name;
  return all
    .map(([ref, id, names]): Wanted[number] => [ref, id, id === selection.text ? names : names.filter(asked)])
    .filter(([, id, names]) => names.length > 0 || id === selection.text);
}

async function readImage(
  archive: ArchiveFile,
  image: { ref: string; id: string; names: string[] },
  family: Family,
  context: FormatContext,
): Promise<LegacyImage> {
  const limit = (context.documents ?? DEFAULT_DOCUMENT_LIMITS).layers;
  const chain: LegacyLayer[] = [];
  for (const id of chainOf(family, image.id, limit)) {
    chain.push(await readLayer(archive, id, family.parents.get(id) ?? null));
  }
  return { kind: 'legacy', ref: image.ref, names: image.names, chain, warnings: [] };
}

async function readLayer(archive: ArchiveFile, id: string, parent: string | null): Promise<LegacyLayer> {
  const name = `${id}/layer.tar`;
  const member = archive.members.file(name);
  if (member === undefined) throw memberInvalid(name, 'it is missing');
  return { id, parent, json: await readJson(archive, id), layer: archive.blob(member) };
}
