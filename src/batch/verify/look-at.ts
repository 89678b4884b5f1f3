import { hasCode } from '../../errors/kinds.ts';
import type { EngineError } from '../../errors/engine-error.ts';
import { type Digest, isDigest } from '../../identity/digest.ts';
import type { ImageSource, SourceItem } from '../../image/image-source.ts';
import { isPending } from '../../image/pending-blob.ts';
import { type BlobChecks, type BlobToCheck, placeOf } from './blob-checks.ts';
import { type Finding, isMismatch, toldError, type VerifiedImage } from './verified-image.ts';

/** One thing that a source gave, while its blobs are being looked at. */
export interface Look {
  kind: VerifiedImage['kind'];
  ref: string;
  names: readonly string[];
  digest: Digest | null;
  configDigest: Digest | null;
  /** A name of the source leads to it: it is no member of an index, and refers to nothing. */
  isTop: boolean;
  blobs: number;
  bytes: number;
  findings: Promise<Finding[]>;
}

/** Everything in a source, and what ended its reading, if something did. Blobs are looked at meanwhile. */
export async function lookAtAll(
  source: ImageSource,
  checks: BlobChecks,
): Promise<{ looks: Look[]; failure: EngineError | null }> {
  const looks: Look[] = [];
  try {
    for await (const item of source.images()) looks.push(lookAt(item, source.location, checks));
    return { looks, failure: null };
  } catch (error) {
    return { looks, failure: toldError(error) };
  }
}

function lookAt(item: SourceItem, location: string, checks: BlobChecks): Look {
  const blobs = blobsOf(item);
  const digest = digestOf(item);
  const found: Finding[] =
    item.kind === 'broken' ? [{ error: item.error, digest: aboutOf(item.error), place: location }] : [];
  const findings = Promise.all(blobs.map((blob) => findingOf(blob, location, checks))).then((rest) => [
    ...found,
    ...rest.filter((finding) => finding !== null),
  ]);
  // Somebody waits for it only when all of the source has been read.
  findings.catch(() => {});
  return {
    kind: KINDS[item.kind],
    ref: item.ref,
    names: 'names' in item ? (item.names ?? []) : [],
    digest,
    configDigest: item.kind === 'modern' ? item.configDigest : null,
    isTop: item.kind !== 'artifact' && !(item.kind === 'modern' && item.inIndex !== undefined),
    blobs: blobs.length,
    bytes: blobs.reduce((sum, { blob }) => sum + (blob.size ?? ('length' in blob ? (blob.length ?? 0) : 0)), 0),
    findings,
  };
}

const KINDS = { modern: 'image', legacy: 'image', index: 'index', artifact: 'artifact', broken: 'unknown' } as const;

function digestOf(item: SourceItem): Digest | null {
  if (item.kind === 'modern') return item.manifest?.digest ?? null;
  return item.kind === 'legacy' ? null : (item.digest ?? null);
}

function blobsOf(item: SourceItem): BlobToCheck[] {
  switch (item.kind) {
    case 'modern':
      return item.layers.map(({ blob, diffId }) => ({ blob, diffId, isLayer: true }));
    case 'legacy':
      return item.chain.map(({ layer }) => ({ blob: layer, diffId: null, isLayer: true }));
    case 'index':
      return item.attachments.map((blob) => ({ blob, diffId: null, isLayer: false }));
    case 'artifact':
      return item.blobs.map((blob) => ({ blob, diffId: null, isLayer: false }));
    case 'broken':
      return (item.blobs ?? []).map((blob) => ({ blob, diffId: null, isLayer: false }));
  }
}

async function findingOf(asked: BlobToCheck, location: string, checks: BlobChecks): Promise<Finding | null> {
  const error = await checks.check(asked);
  if (error === null) return null;
  const { blob } = asked;
  const place = isPending(blob) && blob.origin === undefined ? location : placeOf(blob);
  return { error, digest: blob.digest ?? aboutOf(error) ?? asked.diffId, place };
}

/** What an error is about, where it says so. */
function aboutOf(error: EngineError): Digest | null {
  const said = hasCode(error, 'BLOB_MISSING')
    ? error.details.digest
    : hasCode(error, 'DIGEST_MISMATCH') || hasCode(error, 'DIFF_ID_MISMATCH')
      ? error.details.expected
      : hasCode(error, 'SIZE_MISMATCH')
        ? error.details.what
        : '';
  return isDigest(said) ? said : null;
}

/** The result of one image, once its blobs have been looked at. */
export async function resultOf(
  look: Look | null,
  about: Pick<VerifiedImage, 'key' | 'kind' | 'destination' | 'ref' | 'names'>,
  own: readonly Finding[] = [],
): Promise<VerifiedImage> {
  const findings = [...own, ...((await look?.findings) ?? [])];
  const damaged = new Set(findings.filter(isMismatch).flatMap(({ digest }) => digest ?? []));
  const { digest = null, blobs = 0, bytes = 0 } = look ?? {};
  return { ...about, digest, blobs, bytes, findings, damaged: [...damaged] };
}
