import { describe, expect, it } from 'vitest';
import { batchReport } from '../../../src/batch/report/batch-report.ts';
import { mergeReports } from '../../../src/batch/report/merge-reports.ts';
import { MadeLedger, failure } from '../../support/batch-lab.ts';

/** A shard with an image of its own, over a layer that all shards share. */
function shard(name: string, from: number): MadeLedger {
  const made = new MadeLedger();
  made.location = `/jobs/${name}.ledger`;
  return made
    .layer(`own-${name}`, { size: 2_000_000, image: name, started: from, ended: from + 5 })
    .layer('shared', { size: 3_000_000, image: name, started: from, ended: from + 9, stages: { read: 100 } })
    .image(name, { layers: ['shared', `own-${name}`], started: from + 9, ended: from + 10 })
    .event('opened', from)
    .event('done', from + 9, { key: 'shared', kind: 'blob', bytes: 10 })
    .event('done', from + 10, { key: name, kind: 'image' });
}

const a = batchReport(shard('a', 0).reading());
const b = batchReport(shard('b', 5).reading());

describe('merged reports', () => {
  const both = mergeReports([a, b]);

  it('have totals of all', () => {
    expect(both.totals).toMatchObject({
      images: { total: 2, done: 2 },
      layers: { total: 3 },
      layersInImages: 4,
      logicalBytes: 10_000_000,
      distinctBytes: 7_000_000,
      sharedBytes: 3_000_000,
      sentBytes: a.totals.sentBytes + b.totals.sentBytes,
      seconds: 15,
    });
    expect(both.stages['read']).toBe(200);
    expect(both.ledgers.map(({ location }) => location)).toEqual(['/jobs/a.ledger', '/jobs/b.ledger']);
    expect(both.images.map(({ ledger }) => ledger)).toEqual([0, 1]);
  });

  it('lead from images to layers and back', () => {
    for (const image of both.images) expect(image.layers.map((place) => both.layers[place]!.key)).toContain('shared');
    const shared = both.layers.find(({ key }) => key === 'shared')!;
    expect([shared.uses, shared.image, shared.attempts]).toEqual([2, 0, 2]);
    expect(both.layers.map(({ image }) => both.images[image!]!.key)).toEqual(['a', 'a', 'b']);
  });

  it('have one time axis', () => {
    expect(both.sittings).toEqual([{ from: '2026-05-06T12:00:00.000Z', to: '2026-05-06T12:00:15.000Z' }]);
    expect(both.throughput.buckets.map(({ at, layers, images }) => [at.slice(17, 19), layers, images])).toEqual([
      ['09', 1, 0],
      ['10', 0, 1],
      ['14', 1, 0],
      ['15', 0, 1],
    ]);
  });

  it('take the coarser time where one needs it', () => {
    const long = batchReport(shard('c', 0).event('released', 600).reading());
    expect([long.throughput.bucketSeconds, mergeReports([a, long]).throughput.bucketSeconds]).toEqual([5, 5]);
    expect(mergeReports([long, a]).throughput.buckets).toMatchObject([
      { at: '2026-05-06T12:00:05.000Z', layers: 2 },
      { at: '2026-05-06T12:00:10.000Z', images: 2 },
    ]);
  });

  it('say which images are in several, and take what came further', () => {
    const made = new MadeLedger().image('a', { layers: [], state: 'failed', failure: failure() });
    const again = batchReport(made.reading());
    const merged = mergeReports([b, again, a]);
    expect(merged.duplicates).toEqual([{ image: 1, ledgers: [1, 2] }]);
    expect(merged.images[1]).toMatchObject({ key: 'a', state: 'done', ledger: 2 });
    expect(merged.failures).toEqual([]);
    // What was merged before can be merged again.
    const twice = mergeReports([mergeReports([b, again]), a]);
    expect(twice).toEqual(merged);
    expect(mergeReports([batchReport(shard('z', 0).reading()), merged]).duplicates).toEqual([
      { image: 2, ledgers: [2, 3] },
    ]);
  });

  it('are the report itself when there is one', () => {
    expect(mergeReports([a])).toBe(a);
    expect(() => mergeReports([])).toThrow(/nothing to merge/);
  });

  it('count no ledger twice', () => {
    expect(() => mergeReports([a, b, a])).toThrow('/jobs/a.ledger is given twice');
  });
});
