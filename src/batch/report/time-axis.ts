import type { BatchReport, Bucket } from './report.ts';
import { startOf } from './throughput.ts';

/** A stretch of buckets without a pause, in milliseconds; `offset` is where it begins on the axis, in buckets. */
export interface Stretch {
  from: number;
  buckets: number;
  offset: number;
}

/** Pauses between the stretches, longest first, in milliseconds since 1970. */
export function pausesBetween(report: BatchReport): { from: number; to: number }[] {
  const stretches = stretchesOf(report);
  const lengthOf = ({ buckets }: Stretch): number => buckets * report.throughput.bucketSeconds * 1000;
  const pauses = stretches.slice(1).map((next, before) => {
    const earlier = stretches[before]!;
    return { from: earlier.from + lengthOf(earlier), to: next.from };
  });
  return pauses.toSorted((a, b) => b.to - b.from - (a.to - a.from));
}

/** When somebody was at it, without the pauses that would not fit; short ones are kept as they were. */
export function stretchesOf({ sittings, throughput: { bucketSeconds } }: BatchReport): Stretch[] {
  const unit = bucketSeconds * 1000;
  const stretches: Stretch[] = [];
  const all = sittings.reduce((sum, { from, to }) => sum + (Date.parse(to) - Date.parse(from)) / unit + 1, 0);
  const gap = Math.max(1, all / 25);
  for (const sitting of sittings) {
    const from = startOf(Date.parse(sitting.from), bucketSeconds);
    const end = startOf(Date.parse(sitting.to), bucketSeconds) + unit;
    const last = stretches.at(-1);
    const pause = last === undefined ? 0 : (from - last.from) / unit - last.buckets;
    if (last === undefined) stretches.push({ from, buckets: (end - from) / unit, offset: 0 });
    else if (pause <= gap) last.buckets = Math.max(last.buckets, (end - last.from) / unit);
    else stretches.push({ from, buckets: (end - from) / unit, offset: last.offset + last.buckets + gap });
  }
  return stretches;
}

/** Where a bucket is on the axis. */
export function placeOf({ at }: Bucket, stretches: readonly Stretch[], bucketSeconds: number): number | null {
  const unit = bucketSeconds * 1000;
  const time = Date.parse(at);
  const found = stretches.find(({ from, buckets }) => time >= from && time < from + buckets * unit);
  return found === undefined ? null : found.offset + (time - found.from) / unit;
}
