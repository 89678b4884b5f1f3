import { describe, expect, it } from 'vitest';
import type { BatchReport } from '../../../src/batch/report/report.ts';
import { batchReport } from '../../../src/batch/report/batch-report.ts';
import { pausesBetween, placeOf, stretchesOf } from '../../../src/batch/report/time-axis.ts';
import { MadeLedger } from '../../support/batch-lab.ts';

/** A run in sittings of so many seconds, given as `[from, to]` after noon. */
function runIn(...sittings: [from: number, to: number][]): BatchReport {
  const made = new MadeLedger().layer('l');
  for (const [from, to] of sittings) made.event('opened', from).event('done', to, { key: 'l', kind: 'blob' });
  return batchReport(made.reading());
}

describe('the time axis', () => {
  it('has buckets as long as the run needs, so that there are never too many', () => {
    for (const [seconds, length] of [
      [3, 1],
      [170, 1],
      [181, 5],
      [3600, 60],
      [36_000, 300],
      [30 * 86_400, 21_600],
    ] as const) {
      const report = runIn([0, seconds]);
      expect([seconds, report.throughput.bucketSeconds]).toEqual([seconds, length]);
      const [only] = stretchesOf(report);
      expect(only!.buckets).toBeLessThanOrEqual(180);
    }
  });

  it('leaves out pauses, however long, but those that are not seen', () => {
    const report = runIn([0, 100], [101, 150], [8 * 3600, 8 * 3600 + 20]);
    expect(stretchesOf(report).map(({ buckets }) => buckets)).toEqual([151, 21]);
    expect(pausesBetween(report).map(({ from, to }) => (to - from) / 1000)).toEqual([8 * 3600 - 151]);
    expect(report.totals.seconds).toBe(169);
  });

  it('has a place for each bucket, in order', () => {
    const report = runIn([0, 10], [1000, 1005], [5000, 5003]);
    const places = report.throughput.buckets.map((bucket) => placeOf(bucket, stretchesOf(report), 1));
    expect(places).toEqual([10, 17, 22]);
    expect(placeOf({ ...report.throughput.buckets[0]!, at: '2020-01-01T00:00:00.000Z' }, stretchesOf(report), 1)).toBe(
      null,
    );
  });
});
