import * as v from 'valibot';
import { createHash } from 'node:crypto';
import { engineError } from '../errors/kinds.ts';
import { type Digest, digestAlgorithm, digestHex, parseDigest } from '../identity/digest.ts';
import { DEFAULT_DOCUMENT_LIMITS, type DocumentLimits } from './document-limits.ts';
import type { Platform } from './image-source.ts';
import { decode, list, mapOf, OPTIONAL_STRING, struct } from './json-schema.ts';
import { DOCKER_SCHEMA1 } from './media-types.ts';
import { platformFrom } from './platform.ts';
import { foldCase, jsonInvalid, parseStrictJson, quoted } from './strict-json.ts';

/** A reference to a blob (OCI image spec, descriptor.md), checked: a digest that is safe in a path, a size in bytes. */
export interface Descriptor {
  mediaType: string;
  digest: Digest;
  size: number;
  annotations: ReadonlyMap<string, string>;
  platform: Platform | null;
  artifactType: string | null;
  /** The blob itself when the document carries it; it has the digest and the size. */
  data: Buffer | null;
}

export interface Manifest {
  /** Null for an artifact without one. */
  config: Descriptor | null;
  /** Base first. */
  layers: Descriptor[];
  artifactType: string | null;
}

/** A manifest of any kind, with what it says of itself. */
export interface ArtifactManifest extends Manifest {
  /** The manifest that it refers to. */
  subject: Digest | null;
  annotations: ReadonlyMap<string, string>;
}

const DESCRIPTOR = struct('a descriptor', {
  mediaType: v.string(),
  digest: v.string(),
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  annotations: v.nullish(mapOf(v.string())),
  platform: v.nullish(
    struct('a platform', {
      os: OPTIONAL_STRING,
      architecture: OPTIONAL_STRING,
      variant: OPTIONAL_STRING,
      'os.version': OPTIONAL_STRING,
    }),
  ),
  artifactType: OPTIONAL_STRING,
  data: v.nullish(v.pipe(v.string(), v.base64())),
});

const MANIFEST = struct('the manifest', {
  mediaType: OPTIONAL_STRING,
  artifactType: OPTIONAL_STRING,
  config: v.nullish(DESCRIPTOR),
  layers: list(DESCRIPTOR),
});

const ARTIFACT = struct('the manifest', {
  artifactType: OPTIONAL_STRING,
  subject: v.nullish(DESCRIPTOR),
  annotations: v.nullish(mapOf(v.string())),
});

const INDEX = struct('the index', { mediaType: OPTIONAL_STRING, manifests: list(DESCRIPTOR) });

/**
 * Decodes an image manifest that was fetched as `mediaType`. Throws JSON_INVALID, also for a document that could be
 * read as something else too (GHSA-77vh-xpmg-72qh), INVALID_DIGEST, MEDIA_TYPE_UNSUPPORTED or LIMIT_EXCEEDED.
 */
export function decodeManifest(
  raw: Uint8Array,
  mediaType: string,
  limits: DocumentLimits = DEFAULT_DOCUMENT_LIMITS,
): Manifest {
  const what = 'the manifest';
  const document = parseStrictJson(raw, what, limits);
  refuseOtherKinds(document, ['manifests', 'fsLayers', 'signatures'], what);
  const fields = decode(MANIFEST, document, what);
  checkMediaType(fields.mediaType, mediaType, what);
  return {
    config: fields.config ? descriptor(fields.config) : null,
    layers: (fields.layers ?? []).map(descriptor),
    artifactType: fields.artifactType ?? null,
  };
}

/** As `decodeManifest`, for a manifest that may refer to another one (OCI image spec 1.1, manifest.md). */
export function decodeArtifact(
  raw: Uint8Array,
  mediaType: string,
  limits: DocumentLimits = DEFAULT_DOCUMENT_LIMITS,
): ArtifactManifest {
  const manifest = decodeManifest(raw, mediaType, limits);
  const fields = decode(ARTIFACT, parseStrictJson(raw, 'the manifest', limits), 'the manifest');
  return {
    ...manifest,
    subject: fields.subject ? parseDigest(fields.subject.digest) : null,
    annotations: fields.annotations ?? new Map(),
  };
}

/** Decodes an index or manifest list fetched as `mediaType`, or an `index.json` (null). Throws as `decodeManifest`. */
export function decodeIndex(
  raw: Uint8Array,
  mediaType: string | null,
  limits: DocumentLimits = DEFAULT_DOCUMENT_LIMITS,
): Descriptor[] {
  const what = mediaType === null ? 'index.json' : 'the index';
  const document = parseStrictJson(raw, what, limits);
  refuseOtherKinds(document, ['config', 'layers', 'fsLayers', 'signatures'], what);
  const fields = decode(INDEX, document, what);
  if (mediaType !== null) checkMediaType(fields.mediaType, mediaType, what);
  return (fields.manifests ?? []).map(descriptor);
}

/** An index of any kind, with what it says of itself. */
export interface ArtifactIndex extends Pick<ArtifactManifest, 'subject' | 'annotations' | 'artifactType'> {
  members: Descriptor[];
}

/** As `decodeIndex`, for an index that may refer to a manifest (OCI image spec 1.1, image-index.md). */
export function decodeArtifactIndex(
  raw: Uint8Array,
  mediaType: string,
  limits: DocumentLimits = DEFAULT_DOCUMENT_LIMITS,
): ArtifactIndex {
  const members = decodeIndex(raw, mediaType, limits);
  const { subject, annotations, artifactType } = decode(
    ARTIFACT,
    parseStrictJson(raw, 'the index', limits),
    'the index',
  );
  return {
    members,
    subject: subject ? parseDigest(subject.digest) : null,
    annotations: annotations ?? new Map(),
    artifactType: artifactType ?? null,
  };
}

/** One document must not be a manifest to one tool and an index to another. */
function refuseOtherKinds(document: unknown, foreign: string[], what: string): void {
  if (typeof document !== 'object' || document === null) return;
  const { schemaVersion } = document as { schemaVersion?: unknown };
  if (schemaVersion === 1) {
    throw engineError('MEDIA_TYPE_UNSUPPORTED', `${what} is of schema 1, which has no config; push the image anew`, {
      mediaType: DOCKER_SCHEMA1,
    });
  }
  if (schemaVersion !== 2) throw jsonInvalid(what, 'its schemaVersion is not 2');
  const keys = new Set(Object.keys(document).map(foldCase));
  const other = foreign.find((key) => keys.has(foldCase(key)));
  if (other !== undefined)
    throw jsonInvalid(what, `it is ambiguous: it has the key "${other}" of another kind of document`);
}

function checkMediaType(written: string | null | undefined, fetchedAs: string, what: string): void {
  if (!written || written === fetchedAs) return;
  throw jsonInvalid(what, `it says it is ${quoted(written)}, but it is referred to as ${quoted(fetchedAs)}`);
}

function descriptor(fields: v.InferOutput<typeof DESCRIPTOR>): Descriptor {
  const digest = parseDigest(fields.digest);
  const data = fields.data == null ? null : Buffer.from(fields.data, 'base64');
  if (data !== null) verifyBlob(data, { digest, size: fields.size }, 'the data of a descriptor');
  return {
    mediaType: fields.mediaType,
    digest,
    size: fields.size,
    annotations: fields.annotations ?? new Map(),
    platform: platformFrom(fields.platform ?? {}),
    artifactType: fields.artifactType ?? null,
    data,
  };
}

/** Compares bytes in memory with their descriptor. Throws SIZE_MISMATCH or DIGEST_MISMATCH. */
export function verifyBlob(bytes: Uint8Array, expected: { digest: Digest; size?: number }, what: string): void {
  if (expected.size !== undefined && bytes.length !== expected.size) {
    throw engineError(
      'SIZE_MISMATCH',
      `${what} has ${bytes.length} bytes, not the ${expected.size} it is said to have`,
      {
        what,
        expected: expected.size,
        actual: bytes.length,
      },
    );
  }
  const algorithm = digestAlgorithm(expected.digest);
  const hex = createHash(algorithm).update(bytes).digest('hex');
  if (hex === digestHex(expected.digest)) return;
  throw engineError('DIGEST_MISMATCH', `${what} is not what its digest ${expected.digest} says`, {
    what,
    expected: expected.digest,
    actual: `${algorithm}:${hex}`,
  });
}

const LAYOUT = struct('oci-layout', { imageLayoutVersion: v.string() });

/** The version in an `oci-layout` file. Throws JSON_INVALID. */
export function decodeLayoutVersion(raw: Uint8Array, limits: DocumentLimits = DEFAULT_DOCUMENT_LIMITS): string {
  return decode(LAYOUT, parseStrictJson(raw, 'oci-layout', limits), 'oci-layout').imageLayoutVersion;
}
