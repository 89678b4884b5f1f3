import type { LedgerEvent } from '../ledger/ledger.ts';
import type { Bucket, Throughput } from './report.ts';
import type { Span } from './sittings.ts';

/** Each is a multiple of those before it, so that buckets of one length are whole buckets of another. */
const LENGTHS = [1, 5, 15, 60, 300, 900, 3600, 21_600, 86_400] as const;

/** More bars than this no phone can show. */
const MOST_BUCKETS = 180;

const EMPTY = { bytes: 0, sent: 0, layers: 0, images: 0, failed: 0 };

/** What the events say was finished when; `bytesOf` tells the bytes of a layer. */
export function throughputOf(
  events: readonly LedgerEvent[],
  bytesOf: (key: string) => number,
  sittings: readonly Span[],
): Throughput {
  const bucketSeconds = lengthFor(sittings, 1);
  const found = events.map((event): Bucket => ({ at: isoTime(event.atMs), ...shareOf(event, bytesOf) }));
  return gathered(found, bucketSeconds);
}

function shareOf({ type, kind, key, bytes }: LedgerEvent, bytesOf: (key: string) => number): Omit<Bucket, 'at'> {
  if (type === 'failed' || type === 'retry') return { ...EMPTY, failed: 1 };
  if (type !== 'done') return EMPTY;
  if (kind !== 'blob') return { ...EMPTY, sent: bytes, images: kind === 'image' ? 1 : 0 };
  return { ...EMPTY, sent: bytes, bytes: key === null ? 0 : bytesOf(key), layers: 1 };
}

/** Several on one time axis. */
export function mergeThroughput(parts: readonly Throughput[], sittings: readonly Span[]): Throughput {
  const finest = Math.max(1, ...parts.map(({ bucketSeconds }) => bucketSeconds));
  return gathered(
    parts.flatMap(({ buckets }) => buckets),
    lengthFor(sittings, finest),
  );
}

function gathered(found: readonly Bucket[], bucketSeconds: number): Throughput {
  const buckets = new Map<number, Bucket>();
  for (const { at, ...share } of found) {
    const start = startOf(Date.parse(at), bucketSeconds);
    const sum = buckets.get(start) ?? { at: isoTime(start), ...EMPTY };
    buckets.set(start, sum);
    for (const name of ['bytes', 'sent', 'layers', 'images', 'failed'] as const) sum[name] += share[name];
  }
  const inOrder = [...buckets].toSorted(([a], [b]) => a - b).map(([, bucket]) => bucket);
  return { bucketSeconds, buckets: inOrder.filter(({ at: _at, ...share }) => Object.values(share).some((n) => n > 0)) };
}

/** When the bucket began that a time is in, in milliseconds. */
export function startOf(timeMs: number, bucketSeconds: number): number {
  return Math.floor(timeMs / (bucketSeconds * 1000)) * bucketSeconds * 1000;
}

function lengthFor(sittings: readonly Span[], finest: number): number {
  const fits = (length: number): boolean =>
    sittings.reduce((sum, span) => sum + bucketsIn(span, length), 0) <= MOST_BUCKETS;
  return LENGTHS.find((length) => length >= finest && fits(length)) ?? LENGTHS.at(-1)!;
}

/** How many buckets a stretch of time touches. */
function bucketsIn({ from, to }: Span, bucketSeconds: number): number {
  return (startOf(to, bucketSeconds) - startOf(from, bucketSeconds)) / (bucketSeconds * 1000) + 1;
}

export function isoTime(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
