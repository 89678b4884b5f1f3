import type { BlobResult, Failure, ItemResult, LedgerItem, LedgerPlan } from '../../src/batch/ledger/ledger.ts';
import { sha256Digest } from '../../src/identity/digest.ts';

export const PROFILE = 'gzip:zlib/1.3.1:l6:b1M';

/** A blob of the digest of its key, or of the one given. */
export function blob(key: string, rank: number, more: Partial<LedgerItem> & { of?: string } = {}): LedgerItem {
  const { of = key, ...facts } = more;
  const identity = { digest: sha256Digest(of), profile: PROFILE };
  return { key, kind: 'blob', rank, bytes: 100, needs: [], blob: identity, data: { size: 100 }, ...facts };
}

export function image(key: string, rank: number, needs: readonly string[], more: Partial<LedgerItem> = {}): LedgerItem {
  return { key, kind: 'image', rank, bytes: 0, needs, blob: null, data: { ref: key }, ...more };
}

export function destination(key: string, rank: number, needs: readonly string[]): LedgerItem {
  return { key, kind: 'destination', rank, bytes: 0, needs, blob: null, data: null };
}

export function planOf(...items: LedgerItem[]): LedgerPlan {
  return { id: sha256Digest('a batch'), data: { version: 1, sources: ['oci:a'] }, items };
}

/** A thousand blobs, and as many images that need some of them. */
export function longPlan(): LedgerPlan {
  const ranks = Array.from({ length: 1000 }, (_, rank) => rank);
  const images = ranks.map((rank) => image(`i${rank}`, rank, ['b0', `b${rank}`, `b${(rank * 7) % 1000}`]));
  return planOf(...ranks.map((rank) => blob(`b${rank}`, rank)), ...images);
}

export function packed(of: string): BlobResult {
  return { digest: sha256Digest(`packed ${of}`), size: of.length, diffId: sha256Digest(`files of ${of}`) };
}

export function result(of: string | null, sent = 10): ItemResult {
  return { blob: of === null ? null : packed(of), sent, stages: { read: 2, compress: 5 }, data: { of } };
}

export const OUTAGE: Failure = {
  class: 'passing',
  code: 'REGISTRY_UNAVAILABLE',
  message: 'the registry is down',
  details: { host: 'r.example', status: 503 },
};

export const DAMAGE: Failure = {
  class: 'permanent',
  code: 'COMPRESSION_INVALID',
  message: 'no gzip',
  details: { compression: 'gzip' },
};

/** All but one member. */
export function without<Value extends object, Name extends keyof Value>(value: Value, name: Name): Omit<Value, Name> {
  const { [name]: _left, ...rest } = value;
  return rest;
}
