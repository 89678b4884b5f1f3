import { describe, expect, it } from 'vitest';
import { batchReport } from '../../../src/batch/report/batch-report.ts';
import { MadeLedger, failure } from '../../support/batch-lab.ts';

/** Two images over a shared layer; one of them fails at its own layer. */
function twoImages(): MadeLedger {
  return new MadeLedger()
    .layer('shared', { size: 4_000_000, image: 'a', started: 0, ended: 10, stages: { read: 1000, compress: 8000 } })
    .layer('own', {
      size: 1_000_000,
      image: 'b',
      state: 'failed',
      failure: failure(),
      attempts: 4,
      started: 2,
      ended: 30,
    })
    .image('a', { layers: ['shared'], started: 10, ended: 11, warnings: ['odd'] })
    .image('b', { layers: ['shared', 'own'], state: 'failed', failure: failure(), started: 30, ended: 30 })
    .event('opened', 0)
    .event('done', 10, { key: 'shared', kind: 'blob', bytes: 2_000_000 })
    .event('done', 11, { key: 'a', kind: 'image', bytes: 500 })
    .event('retry', 12, { key: 'own', kind: 'blob' })
    .event('failed', 30, { key: 'own', kind: 'blob' });
}

describe('a report', () => {
  const report = batchReport(twoImages().reading());

  it('has totals', () => {
    expect(report).toMatchObject({ version: 1, state: 'finished', at: '2026-05-06T13:00:00.000Z' });
    expect(report.totals).toMatchObject({
      images: { total: 2, done: 1, failed: 1, begun: 0, waiting: 0 },
      layers: { total: 2, done: 1, failed: 1 },
      layersInImages: 3,
      logicalBytes: 9_000_000,
      distinctBytes: 5_000_000,
      sharedBytes: 4_000_000,
      doneBytes: 4_000_000,
      thereBytes: 0,
      sentBytes: 2_000_500,
      retries: 3,
      warnings: 1,
      started: '2026-05-06T12:00:00.000Z',
      ended: '2026-05-06T12:00:30.000Z',
      seconds: 30,
    });
    expect(report.stages).toEqual({ read: 1000, compress: 8000, write: 10 });
  });

  it('tells of each image what it was and became', () => {
    const [a, b] = report.images;
    expect(a).toMatchObject({
      key: 'a',
      state: 'done',
      equality: 'diffids',
      changed: true,
      warnings: ['odd'],
      layers: [0],
    });
    expect(a!.sourceDigest).toMatch(/^sha256:/);
    expect(a!.digest).not.toBe(a!.sourceDigest);
    // Its own second and the ten of the layer that was read from it.
    expect(a!.seconds).toBe(11);
    expect(b).toMatchObject({ state: 'failed', digest: null, equality: null, changed: null, layers: [0, 1] });
    expect(b).toMatchObject({
      bytes: 5_000_000,
      failure: { code: 'REGISTRY_UNAVAILABLE' },
      source: 'docker-archive:/in/a.tar',
    });
  });

  it('names the slowest, and what sharing saves', () => {
    expect(report.slowest).toEqual({ images: [1, 0], layers: [1, 0] });
    expect(report.sharing).toEqual({
      bands: [
        { from: 1, to: 1, layers: 1, bytes: 1_000_000, savedBytes: 0 },
        { from: 2, to: 9, layers: 1, bytes: 4_000_000, savedBytes: 4_000_000 },
      ],
      layers: [0],
    });
  });

  it('groups failures, and says what to do', () => {
    expect(report.failures).toEqual([
      expect.objectContaining({
        class: 'passing',
        code: 'REGISTRY_UNAVAILABLE',
        images: [1],
        layers: [1],
      }),
    ]);
    expect(report.failures[0]!.advice).toMatch(/run again/);
  });

  it('has what was finished when', () => {
    expect(report.throughput).toEqual({
      bucketSeconds: 1,
      buckets: [
        { at: '2026-05-06T12:00:10.000Z', bytes: 4_000_000, sent: 2_000_000, layers: 1, images: 0, failed: 0 },
        { at: '2026-05-06T12:00:11.000Z', bytes: 0, sent: 500, layers: 0, images: 1, failed: 0 },
        { at: '2026-05-06T12:00:12.000Z', bytes: 0, sent: 0, layers: 0, images: 0, failed: 1 },
        { at: '2026-05-06T12:00:30.000Z', bytes: 0, sent: 0, layers: 0, images: 0, failed: 1 },
      ],
    });
  });

  it('is JSON', () => {
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });
});

describe('a run that was killed and went on', () => {
  const night = 8 * 3600;
  const report = batchReport(
    new MadeLedger()
      .layer('l', { image: 'a', started: 5, ended: night + 5 })
      .image('a', { layers: ['l'], started: night + 5, ended: night + 6 })
      .event('opened', 0)
      .event('claimed', 10, { key: 'l', kind: 'blob' })
      .event('opened', night)
      .event('done', night + 6, { key: 'a', kind: 'image' })
      .event('opened', night + 100)
      .reading(),
  );

  it('has sittings, and pauses are nobody’s time', () => {
    expect(report.sittings.map(({ from, to }) => [from.slice(11, 19), to.slice(11, 19)])).toEqual([
      ['12:00:00', '12:00:10'],
      ['20:00:00', '20:00:06'],
    ]);
    expect(report.totals.seconds).toBe(16);
    expect(report.layers[0]!.seconds).toBe(10);
  });
});

describe('a run that is under way', () => {
  const report = batchReport(
    new MadeLedger()
      .layer('l', { state: 'claimed' })
      .image('a', { layers: ['l'], state: 'waiting', attempts: 0 })
      .event('opened', 0)
      .event('claimed', 1, { key: 'l', kind: 'blob' })
      .reading(),
  );

  it('says what is begun and what waits, and has no end yet', () => {
    expect(report.state).toBe('unfinished');
    expect(report.totals).toMatchObject({ images: { waiting: 1 }, layers: { begun: 1 }, ended: null });
    expect(report.images[0]).toMatchObject({ started: null, ended: null, seconds: null, digest: null });
  });
});

describe('a ledger', () => {
  it('may be new', () => {
    const empty = batchReport({ ...new MadeLedger().reading(), plan: null });
    expect(empty).toMatchObject({ state: 'finished', images: [], sittings: [], totals: { started: null, seconds: 0 } });
  });

  it('without events is reported by the times of its items', () => {
    const report = batchReport(new MadeLedger().layer('l', { started: 3, ended: 7 }).reading());
    expect(report.totals.seconds).toBe(4);
    expect(report.throughput.buckets).toEqual([]);
  });

  it('counts sources that could not be read', () => {
    const made = new MadeLedger();
    made.sources.push({ location: 'oci:/gone', entry: 0, fingerprint: null });
    const gone = failure({ class: 'permanent', code: 'FILE_NOT_FOUND', message: 'no such file' });
    made.image('gone', { layers: [], state: 'failed', failure: gone, source: 1, ref: 'oci:/gone', place: null });
    const report = batchReport(made.reading());
    expect(report.totals).toMatchObject({ sources: { read: 1, failed: 1 }, images: { failed: 1 } });
    expect(report.images[0]).toMatchObject({ source: 'oci:/gone', place: null, failure: { code: 'FILE_NOT_FOUND' } });
  });

  it('tells the tags in a repository', () => {
    const made = new MadeLedger().image('a', {
      layers: [],
      destination: 'docker://r.example/a',
      tags: ['1', 'latest'],
    });
    expect(batchReport(made.reading()).images[0]!.tags).toEqual(['1', 'latest']);
  });

  it('that says nonsense is an error that names it', () => {
    const made = new MadeLedger().layer('l');
    const rows = made.rows.map((row) => ({ ...row, item: { ...row.item, data: 7 } }));
    expect(() => batchReport({ ...made.reading(), rows })).toThrow(/^\/jobs\/batch\.ledger does not say a layer/);
  });
});
