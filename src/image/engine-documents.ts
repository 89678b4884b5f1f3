import * as v from 'valibot';
import { DEFAULT_DOCUMENT_LIMITS, type DocumentLimits } from './document-limits.ts';
import { ANY_OBJECT, decode, list, OPTIONAL_STRING, struct } from './json-schema.ts';
import { parseStrictJson } from './strict-json.ts';

/** A registry's digest of a layer, as Docker notes it (`distribution/v2metadata-by-diffid`). */
export interface RegistryDigest {
  digest: string;
  /** `docker.io/library/busybox`; empty where it is not known. */
  repository: string;
}

const V2_METADATA = list(
  struct('v2metadata-by-diffid', { Digest: v.string(), SourceRepository: v.nullish(v.string(), '') }),
);

/** Decodes a file of `distribution/v2metadata-by-diffid`. Throws JSON_INVALID or LIMIT_EXCEEDED. */
export function decodeRegistryDigests(
  raw: Uint8Array,
  limits: DocumentLimits = DEFAULT_DOCUMENT_LIMITS,
): RegistryDigest[] {
  const what = 'the registry digests of a layer';
  const entries = decode(V2_METADATA, parseStrictJson(raw, what, limits), what) ?? [];
  return entries.map(({ Digest, SourceRepository }) => ({ digest: Digest, repository: SourceRepository ?? '' }));
}

/** A container of Docker 1.10 and newer, as its `config.v2.json` describes it. */
export interface DockerContainer {
  id: string;
  /** Without the slash before it. */
  name: string;
  /** The id of its image. */
  image: string;
  running: boolean;
  /** RFC 3339; null where it is not said, or never happened. */
  created: string | null;
  finished: string | null;
  /** What it runs with. */
  config: Record<string, unknown>;
}

const CONTAINER = struct('config.v2.json', {
  ID: v.string(),
  Name: OPTIONAL_STRING,
  Image: v.string(),
  Created: OPTIONAL_STRING,
  Config: v.nullish(ANY_OBJECT),
  State: v.nullish(struct('config.v2.json', { Running: v.nullish(v.boolean()), FinishedAt: OPTIONAL_STRING })),
});

/** Decodes `containers/<id>/config.v2.json`. Throws JSON_INVALID or LIMIT_EXCEEDED. */
export function decodeDockerContainer(
  raw: Uint8Array,
  what: string,
  limits: DocumentLimits = DEFAULT_DOCUMENT_LIMITS,
): DockerContainer {
  const fields = decode(CONTAINER, parseStrictJson(raw, what, limits), what);
  return {
    id: fields.ID,
    name: (fields.Name ?? '').replace(/^\//, ''),
    image: fields.Image,
    running: fields.State?.Running ?? false,
    created: happened(fields.Created),
    finished: happened(fields.State?.FinishedAt),
    config: fields.Config ?? {},
  };
}

/** Go writes the year 1 for a time that never came. */
function happened(time: string | null | undefined): string | null {
  return time === undefined || time === null || time === '' || time.startsWith('0001-') ? null : time;
}

/** An image of containers/storage, as `images.json` lists it. */
export interface StorageImage {
  id: string;
  names: string[];
  /** The id of its top layer; empty for an image without layers. */
  layer: string;
  created: string | null;
}

const STORAGE_IMAGES = list(
  struct('images.json', {
    id: v.string(),
    names: list(v.string()),
    layer: OPTIONAL_STRING,
    created: OPTIONAL_STRING,
  }),
);

/** Lists of a busy machine may have thousands of entries. */
const LIST_LIMITS = { ...DEFAULT_DOCUMENT_LIMITS, bytes: 64 * 1024 * 1024, depth: 32 };

/** Decodes `<driver>-images/images.json`. Throws JSON_INVALID or LIMIT_EXCEEDED. */
export function decodeStorageImages(raw: Uint8Array): StorageImage[] {
  const images = decode(STORAGE_IMAGES, parseStrictJson(raw, 'images.json', LIST_LIMITS), 'images.json') ?? [];
  return images.map(({ id, names, layer, created }) => ({
    id,
    names: names ?? [],
    layer: layer ?? '',
    created: happened(created),
  }));
}

/** A layer of containers/storage, as `layers.json` lists it. */
export interface StorageLayer {
  id: string;
  /** The id of the layer below; null for a base. */
  parent: string | null;
  /** DiffID and size of the tar; null where they were not computed. */
  diffDigest: string | null;
  diffSize: number | null;
  /** Digest and size of the blob as it came. */
  blobDigest: string | null;
  blobSize: number | null;
  /** Written, but never completed. */
  incomplete: boolean;
}

const STORAGE_LAYERS = list(
  struct('layers.json', {
    id: v.string(),
    parent: OPTIONAL_STRING,
    'diff-digest': OPTIONAL_STRING,
    'diff-size': v.nullish(v.number()),
    'compressed-diff-digest': OPTIONAL_STRING,
    'compressed-size': v.nullish(v.number()),
    flags: v.nullish(ANY_OBJECT),
  }),
);

/** Decodes `<driver>-layers/layers.json`. Throws JSON_INVALID or LIMIT_EXCEEDED. */
export function decodeStorageLayers(raw: Uint8Array): StorageLayer[] {
  const layers = decode(STORAGE_LAYERS, parseStrictJson(raw, 'layers.json', LIST_LIMITS), 'layers.json') ?? [];
  return layers.map((layer) => ({
    id: layer.id,
    parent: layer.parent || null,
    diffDigest: layer['diff-digest'] || null,
    diffSize: layer['diff-size'] ?? null,
    blobDigest: layer['compressed-diff-digest'] || null,
    blobSize: layer['compressed-size'] ?? null,
    incomplete: layer.flags?.['incomplete'] === true,
  }));
}

const STORAGE_MANIFEST = struct('the stored manifest', {
  config: struct('the stored manifest', { digest: v.string() }),
});

/** The digest of the config that a stored manifest names. Throws JSON_INVALID or LIMIT_EXCEEDED. */
export function decodeConfigDigest(raw: Uint8Array, limits: DocumentLimits = DEFAULT_DOCUMENT_LIMITS): string {
  const what = 'the stored manifest';
  return decode(STORAGE_MANIFEST, parseStrictJson(raw, what, limits), what).config.digest;
}
