import { engineError } from '../errors/kinds.ts';
import { type Digest, isDigest } from '../identity/digest.ts';
import { parseStrictJson } from '../image/strict-json.ts';
import type { LayerDigests } from '../tasks/task-map.ts';
import type { KeptBlob, LayerInfo } from './image.ts';
import { areMidstates } from './midstates.ts';

const FORMAT = 1;

/** Midstates of up to 200 GB; what is larger is proven as a whole, and its file stays one that is read at once. */
const MOST_MIDSTATES = 1024 * 1024;

/** What to note of a layer that was read to its end; a small one has no midstates. */
export function infoOfLayer({
  diffId,
  tarSize,
  midstates,
  entries,
}: Pick<LayerDigests, 'diffId' | 'tarSize' | 'midstates'> & { entries: number }): LayerInfo {
  return {
    format: FORMAT,
    diffId,
    tarSize,
    entries,
    ...(midstates === null || midstates === '' || midstates.length > MOST_MIDSTATES ? {} : { midstates }),
  };
}

/** The bytes of `layer.json`. */
export function encodeLayerInfo(info: LayerInfo): string {
  return JSON.stringify(info);
}

/** Reads `layer.json` back; it lies where anybody with the store can damage it. Throws JSON_INVALID. */
export function decodeLayerInfo(raw: Buffer, id: string): LayerInfo {
  const what = `layer.json of image ${id}`;
  const { format, diffId, tarSize, entries, midstates, blob, blobs, manifest } = asFields(
    parseStrictJson(raw, what),
    what,
  );
  if (format !== FORMAT) throw invalid(what, `format ${String(format)}, not ${FORMAT}`);
  return {
    format,
    diffId: diffId === null ? null : asDigest(diffId, what),
    tarSize: asCount(tarSize, what),
    entries: asCount(entries, what),
    ...(midstates === undefined ? {} : { midstates: asMidstates(midstates, asCount(tarSize, what), what) }),
    ...(blob === undefined ? {} : { blob: asKeptBlob(blob, what) }),
    ...(blobs === undefined ? {} : { blobs: asBlobs(blobs, what) }),
    ...(manifest === undefined ? {} : { manifest: asManifest(manifest, what) }),
  };
}

function asMidstates(value: unknown, tarSize: number, what: string): string {
  if (typeof value === 'string' && areMidstates(value, tarSize)) return value;
  throw invalid(what, 'its midstates do not fit its size');
}

function asBlobs(value: unknown, what: string): (KeptBlob | null)[] {
  if (!Array.isArray(value)) throw invalid(what, 'its blobs are no list');
  return value.map((blob) => (blob === null ? null : asKeptBlob(blob, what)));
}

function asKeptBlob(value: unknown, what: string): KeptBlob {
  const { digest, size, compression, mediaType } = asFields(value, what);
  if (compression !== 'none' && compression !== 'gzip' && compression !== 'zstd')
    throw invalid(what, 'its blob is not packed');
  return {
    digest: asDigest(digest, what),
    size: asCount(size, what),
    compression,
    mediaType: typeof mediaType === 'string' ? mediaType : null,
  };
}

function asManifest(value: unknown, what: string): { mediaType: string; digest: Digest } {
  const { mediaType, digest } = asFields(value, what);
  if (typeof mediaType !== 'string') throw invalid(what, 'its manifest has no media type');
  return { mediaType, digest: asDigest(digest, what) };
}

function asFields(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalid(what, 'an object is missing');
}

function asDigest(value: unknown, what: string): Digest {
  if (typeof value === 'string' && isDigest(value)) return value;
  throw invalid(what, 'a digest is missing');
}

function asCount(value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw invalid(what, 'a number is missing');
}

function invalid(what: string, problem: string): Error {
  return engineError('JSON_INVALID', `${what} is damaged: ${problem}; remove the image and import it again`, { what });
}
