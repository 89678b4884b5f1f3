import * as v from 'valibot';
import { DEFAULT_DOCUMENT_LIMITS, type DocumentLimits } from './document-limits.ts';
import { decode, list, mapOf, OPTIONAL_STRING, struct } from './json-schema.ts';
import { parseStrictJson } from './strict-json.ts';

/** One image of a docker-archive, as its `manifest.json` lists it. */
export interface ArchiveImage {
  /** Names of members. */
  config: string;
  layers: string[];
  repoTags: string[];
}

const ARCHIVE_MANIFEST = v.array(
  struct('manifest.json', { Config: v.string(), RepoTags: list(v.string()), Layers: list(v.string()) }),
);

/** Decodes a docker-archive's `manifest.json`; jib writes its keys in lower case. Throws JSON_INVALID or LIMIT_EXCEEDED. */
export function decodeArchiveManifest(
  raw: Uint8Array,
  limits: DocumentLimits = DEFAULT_DOCUMENT_LIMITS,
): ArchiveImage[] {
  const images = decode(ARCHIVE_MANIFEST, parseStrictJson(raw, 'manifest.json', limits), 'manifest.json');
  return images.map((image) => ({ config: image.Config, layers: image.Layers ?? [], repoTags: image.RepoTags ?? [] }));
}

const REPOSITORIES = mapOf(mapOf(v.string()));

/** Decodes a docker-archive's `repositories`: repository → tag → v1 id. Throws JSON_INVALID or LIMIT_EXCEEDED. */
export function decodeRepositories(
  raw: Uint8Array,
  limits: DocumentLimits = DEFAULT_DOCUMENT_LIMITS,
): Map<string, Map<string, string>> {
  return decode(REPOSITORIES, parseStrictJson(raw, 'repositories', limits), 'repositories');
}

const V1_LINK = struct('the v1 JSON', { id: v.string(), parent: OPTIONAL_STRING });

/** The part of a v1 image's JSON that makes the chain. Throws JSON_INVALID or LIMIT_EXCEEDED. */
export function decodeV1Link(
  raw: Uint8Array,
  what: string,
  limits: DocumentLimits = DEFAULT_DOCUMENT_LIMITS,
): { id: string; parent: string | null } {
  const { id, parent } = decode(V1_LINK, parseStrictJson(raw, what, limits), what);
  return { id, parent: parent || null };
}
