import { engineError } from '../errors/kinds.ts';
import { marshalGo, quoteGo } from '../reporting/go-json.ts';
import { GoMap } from '../reporting/go-map.ts';
import { DEFAULT_DOCUMENT_LIMITS } from './document-limits.ts';
import { parseStrictJson, pickFields, quoted } from './strict-json.ts';
import { emptyV1Config, type FieldKind, V1_CONFIG_FIELDS, type V1Config, v1ConfigStruct } from './v1-config.ts';

/** An image as `graph/<id>/json` of Docker 0.10–1.9 describes it. Empty strings are absent fields. */
export interface V1Image {
  id: string;
  parent: string;
  comment: string;
  /** RFC 3339, as written; `0001-01-01T00:00:00Z` when it is not said. */
  created: string;
  container: string;
  containerConfig: V1Config;
  dockerVersion: string;
  author: string;
  config: V1Config | null;
  architecture: string;
  os: string;
  size: number;
}

/** What Go prints for a time that was never set. */
const ZERO_TIME = '0001-01-01T00:00:00Z';

const WHAT = 'the image JSON';
const IMAGE_KEYS = [
  'id',
  'parent',
  'comment',
  'created',
  'container',
  'container_config',
  'docker_version',
  'author',
  'config',
  'architecture',
  'os',
  'Size',
] as const;

/** An image in which nothing but the id is set. */
export function emptyV1Image(id: string): V1Image {
  return {
    id,
    parent: '',
    comment: '',
    created: ZERO_TIME,
    container: '',
    containerConfig: emptyV1Config(),
    dockerVersion: '',
    author: '',
    config: null,
    architecture: '',
    os: '',
    size: 0,
  };
}

/**
 * Decodes the JSON of a v1 image as Go's encoding/json does: keys in any case, unknown ones ignored, null for nothing,
 * a wrong type an error for the whole document. Throws JSON_INVALID or LIMIT_EXCEEDED.
 */
export function decodeImageJson(raw: Buffer): V1Image {
  const value = parseStrictJson(raw, WHAT);
  const fields = pickFields(objectOf(value, WHAT), IMAGE_KEYS, WHAT);
  const text = (key: (typeof IMAGE_KEYS)[number]): string => stringOf(fields[key], key);
  const created = text('created');
  return {
    id: text('id'),
    parent: text('parent'),
    comment: text('comment'),
    created: created === '' ? ZERO_TIME : timeOf(created),
    container: text('container'),
    containerConfig: decodeV1Config(fields.container_config) ?? emptyV1Config(),
    dockerVersion: text('docker_version'),
    author: text('author'),
    config: decodeV1Config(fields.config),
    architecture: text('architecture'),
    os: text('os'),
    size: intOf(fields.Size, 'Size'),
  };
}

/**
 * The parent that Docker 1.8.3 and 1.9 derived from content and wrote as `parent_id`, as an image id; null where the
 * JSON has none. Throws as `decodeImageJson`.
 */
export function decodeParentId(raw: Buffer): string | null {
  const { parent_id: parentId } = pickFields(objectOf(parseStrictJson(raw, WHAT), WHAT), ['parent_id'], WHAT);
  const text = stringOf(parentId, 'parent_id');
  return text === '' ? null : text.replace(/^sha256:/, '');
}

/** Decodes a container config; what later versions of Docker added to it is ignored. */
export function decodeV1Config(value: unknown): V1Config | null {
  const fields = decodeFields(value, V1_CONFIG_FIELDS);
  return fields === null ? null : ({ ...emptyV1Config(), ...fields } as V1Config);
}

/** The fields of a container config that are set, decoded by their kinds; null for none. Throws JSON_INVALID. */
export function decodeFields(
  value: unknown,
  kinds: Readonly<Record<string, FieldKind>>,
): Record<string, FieldValue> | null {
  if (value === null || value === undefined) return null;
  const fields = pickFields(objectOf(value, 'config'), Object.keys(kinds), WHAT);
  const decoded: Record<string, FieldValue> = {};
  for (const [key, kind] of Object.entries(kinds)) {
    const member = fields[key];
    if (member !== null && member !== undefined) decoded[key] = DECODERS[kind](member, key);
  }
  return decoded;
}

/** A `map` is a Map, a `set` the list of its keys. */
export type FieldValue = string | number | boolean | string[] | Map<string, string>;

const DECODERS: { readonly [Kind in FieldKind]: (member: unknown, key: string) => FieldValue } = {
  string: stringOf,
  int: intOf,
  bool: boolOf,
  list: listOf,
  set: (member, key) => Object.keys(objectOf(member, key)),
  map: (member, key) =>
    new Map(Object.entries(objectOf(member, key)).map(([name, value]) => [name, stringOf(value, name)])),
};

/** The bytes that Docker 0.11 writes for an image that it made itself. */
export function encodeImageJson(image: V1Image): Buffer {
  const text = (value: string): string | undefined => (value === '' ? undefined : value);
  return Buffer.from(
    marshalGo({
      id: image.id,
      parent: text(image.parent),
      comment: text(image.comment),
      created: image.created,
      container: text(image.container),
      container_config: v1ConfigStruct(image.containerConfig),
      docker_version: text(image.dockerVersion),
      author: text(image.author),
      config: image.config === null ? undefined : v1ConfigStruct(image.config),
      architecture: text(image.architecture),
      os: text(image.os),
      Size: image.size,
    }),
  );
}

/** `layersize` is a decimal number and nothing else: Docker takes the image for broken otherwise. */
export function decodeLayerSize(text: string): number {
  const size = /^[+-]?[0-9]{1,19}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(size)) return size;
  throw engineError('JSON_INVALID', `layersize is not a decimal number: ${quoted(text)}`, { what: 'layersize' });
}

/** Tag (or digest) → image id. */
export type Tags = GoMap<string>;

/** Repository → its tags. */
export type Repositories = GoMap<Tags>;

export function tagsOf(tags: Iterable<readonly [tag: string, id: string]> = []): Tags {
  return GoMap.of(tags, quoteGo);
}

export function repositoriesOf(repositories: Iterable<readonly [name: string, tags: Tags]> = []): Repositories {
  return GoMap.of(repositories, (tags) => tags.encode());
}

/** Decodes `repositories-<driver>`; a missing or null list is an empty one. */
export function decodeRepositories(raw: Buffer): Repositories {
  const what = 'the tag file';
  const fields = pickFields(objectOf(parseStrictJson(raw, what, TAG_FILE_LIMITS), what), ['Repositories'], what);
  const list = fields.Repositories ?? {};
  return repositoriesOf(
    Object.entries(objectOf(list, what)).map(([name, tags]): [string, Tags] => {
      const entries = tags === null ? [] : Object.entries(objectOf(tags, what));
      return [name, tagsOf(entries.map(([tag, id]): [string, string] => [tag, stringOf(id, tag)]))];
    }),
  );
}

/** The bytes of the tag file, in parts: it is written often, and may be large. */
export function encodeRepositories(repositories: Repositories): Buffer[] {
  return [Buffer.from('{"Repositories":'), ...repositories.parts(), Buffer.from('}')];
}

/** A tag file of 100,000 tags has about 15 MB. */
const TAG_FILE_LIMITS = { ...DEFAULT_DOCUMENT_LIMITS, bytes: 256 * 1024 * 1024, depth: 8 };

function objectOf(value: unknown, key: string): object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw wrongType(key, 'an object');
}

function stringOf(value: unknown, key: string): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  throw wrongType(key, 'a string');
}

function intOf(value: unknown, key: string): number {
  if (value === null || value === undefined) return 0;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw wrongType(key, 'an integer');
}

function boolOf(value: unknown, key: string): boolean {
  if (typeof value === 'boolean') return value;
  throw wrongType(key, 'true or false');
}

/** Docker 1.7 and newer also accept one string where a list is expected. */
function listOf(value: unknown, key: string): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw wrongType(key, 'a list of strings');
}

function timeOf(text: string): string {
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text)) return text;
  throw wrongType('created', 'an RFC 3339 time');
}

function wrongType(key: string, expected: string): Error {
  return engineError('JSON_INVALID', `${WHAT}: ${quoted(key)} is not ${expected}`, { what: WHAT });
}
