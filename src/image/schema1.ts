import * as v from 'valibot';
import { type Digest, parseDigest } from '../identity/digest.ts';
import { DEFAULT_DOCUMENT_LIMITS, type DocumentLimits } from './document-limits.ts';
import { decode, list, struct } from './json-schema.ts';
import { jsonInvalid, parseStrictJson } from './strict-json.ts';

/** One v1 image of a manifest of schema 1. */
export interface Schema1Layer {
  json: Buffer;
  blob: Digest;
  /** It changed the config only, and its blob is the empty layer. */
  throwaway: boolean;
}

const WHAT = 'the manifest of schema 1';

const SCHEMA1 = struct(WHAT, {
  schemaVersion: v.literal(1),
  fsLayers: list(struct('a layer of it', { blobSum: v.string() })),
  history: list(struct('a step of its history', { v1Compatibility: v.string() })),
});

/**
 * Decodes what was signed of a manifest of schema 1 (Docker registry v2, "Image Manifest V 2, Schema 1"): base first, where
 * the document has the newest first. Throws JSON_INVALID, INVALID_DIGEST or LIMIT_EXCEEDED.
 */
export function decodeSchema1(payload: Uint8Array, limits: DocumentLimits = DEFAULT_DOCUMENT_LIMITS): Schema1Layer[] {
  const { fsLayers, history } = decode(SCHEMA1, parseStrictJson(payload, WHAT, limits), WHAT);
  const blobs = fsLayers ?? [];
  const steps = history ?? [];
  if (blobs.length === 0) throw jsonInvalid(WHAT, 'it has no layers');
  if (blobs.length !== steps.length) {
    throw jsonInvalid(WHAT, `it has ${blobs.length} layers, but ${steps.length} steps in its history`);
  }
  return steps
    .map(({ v1Compatibility }, index) => {
      const json = Buffer.from(v1Compatibility);
      return { json, blob: parseDigest(blobs[index]!.blobSum), throwaway: isThrowaway(json, limits) };
    })
    .reverse();
}

function isThrowaway(json: Buffer, limits: DocumentLimits): boolean {
  const image = parseStrictJson(json, 'a v1 image of the manifest', limits);
  return typeof image === 'object' && image !== null && (image as { throwaway?: unknown }).throwaway === true;
}
