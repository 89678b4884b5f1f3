import { type Digest, sha256Digest } from '../identity/digest.ts';
import {
  DOCKER_CONFIG,
  DOCKER_INDEX,
  DOCKER_MANIFEST,
  formatOf,
  layerTypeAs,
  type ManifestFormat,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_MANIFEST,
} from './media-types.ts';

/** A manifest or an index, with the type that it is referred to by. */
export interface Document {
  raw: Buffer;
  mediaType: string;
  digest: Digest;
}

/** What a descriptor is to say. */
export interface Target {
  mediaType: string;
  digest: Digest;
  size: number;
}

/** How a document is referred to. */
export function targetOf({ mediaType, digest, raw }: Document): Target {
  return { mediaType, digest, size: raw.length };
}

type Fields = Record<string, unknown>;

/** Annotations of a layer that speak of how its bytes were packed, and are wrong when they are packed anew. */
const ABOUT_PACKING = ['io.github.containers.zstd-chunked.', 'containerd.io/snapshot/', 'io.containers.estargz.'];

/**
 * The manifest with other layers, base first, or in the other format, and everything else as it was as far as that format
 * has a place for it: Docker's knows no annotations and no subject. `manifest` has been decoded, so it is well formed.
 */
export function editManifest(
  manifest: Pick<Document, 'raw' | 'mediaType'>,
  layers: readonly Target[],
  format: ManifestFormat,
): Document {
  const fields = parse(manifest.raw);
  const old = fields['layers'] as Fields[] | null;
  const config = fields['config'] as Fields;
  const edited = {
    ...(format === formatOf(manifest.mediaType) ? fields : inFormat(fields, format)),
    mediaType: format === 'oci' ? OCI_MANIFEST : DOCKER_MANIFEST,
    config: { ...config, mediaType: format === 'oci' ? OCI_CONFIG : DOCKER_CONFIG },
    layers: layers.map((layer, index) => editLayer(old?.[index] ?? {}, layer, format)),
  };
  return documentOf(edited, edited.mediaType);
}

function editLayer(old: Fields, layer: Target, format: ManifestFormat): Fields {
  const mediaType = layerTypeAs(format, layer.mediaType);
  if (old['digest'] === layer.digest) return { ...withoutForeign(old, format), mediaType };
  const { annotations, urls: _urls, data: _data, ...rest } = old;
  const kept = Object.entries((annotations ?? {}) as Fields).filter(
    ([key]) => !ABOUT_PACKING.some((prefix) => key.startsWith(prefix)),
  );
  const { digest, size } = layer;
  const edited = { ...rest, mediaType, digest, size };
  return format === 'oci' && kept.length > 0 ? { ...edited, annotations: Object.fromEntries(kept) } : edited;
}

/** Docker's descriptors of layers know no annotations. */
function withoutForeign(old: Fields, format: ManifestFormat): Fields {
  if (format === 'oci') return old;
  const { annotations: _annotations, ...rest } = old;
  return rest;
}

function inFormat(fields: Fields, format: ManifestFormat): Fields {
  if (format === 'oci') return fields;
  const { annotations: _annotations, subject: _subject, artifactType: _artifactType, ...rest } = fields;
  return rest;
}

/**
 * The index with members that have become others, in its order; a member that is not in `targets` is left out. Other
 * fields of the index and of its lines stay.
 */
export function editIndex(
  index: Pick<Document, 'raw' | 'mediaType'>,
  targets: ReadonlyMap<string, Target>,
  format: ManifestFormat,
): Document {
  const fields = parse(index.raw);
  const members = (fields['manifests'] ?? []) as Fields[];
  const edited = {
    ...(format === formatOf(index.mediaType) ? fields : inFormat(fields, format)),
    mediaType: format === 'oci' ? OCI_INDEX : DOCKER_INDEX,
    manifests: members.flatMap((member) => {
      const target = targets.get(String(member['digest']));
      if (target === undefined) return [];
      const { data: _data, ...rest } = member;
      const line = target.digest === member['digest'] ? member : rest;
      return [{ ...withoutForeign(line, format), ...target }];
    }),
  };
  return documentOf(edited, edited.mediaType);
}

function parse(raw: Buffer): Fields {
  return JSON.parse(raw.toString('utf8')) as Fields;
}

function documentOf(fields: object, mediaType: string): Document {
  const raw = Buffer.from(JSON.stringify(fields));
  return { raw, mediaType, digest: sha256Digest(raw) };
}
