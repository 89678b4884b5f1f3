import { expect, it } from 'vitest';
import type { Plan, PlannedBlob, PlannedImage } from '../../../src/batch/plan/plan.ts';
import { shardsOf } from '../../../src/batch/plan/shards.ts';

/** A plan of one image a source; `layers` are the names of its layers, all of a size. */
function planOf(...layers: string[]): Plan {
  const names = [...new Set(layers.join('').split(''))];
  return {
    version: 1,
    id: 'x',
    batch: {
      entries: [{ source: { type: 'pattern', location: '/a/*.tar' }, target: 'oci:/out' }],
      limits: { retries: 2 },
    },
    sources: layers.map((_unused, number) => ({ location: `/a/${number}.tar`, entry: 0, fingerprint: null })),
    images: layers.map(
      (own, source) =>
        ({
          key: `${source}`,
          source,
          ref: `app/${source}:1`,
          names: [],
          blobs: own.split(''),
        }) as unknown as PlannedImage,
    ),
    blobs: names.map((key) => ({ key, size: 100 }) as unknown as PlannedBlob),
  };
}

function sourcesOf(plan: Plan, count: number): string[][] {
  return shardsOf(plan, count).map(({ entries }) => entries.map(({ source }) => source.location));
}

it('keeps images together that share layers', () => {
  const families = planOf('abc', 'xyz', 'abd', 'xyw', 'abc', 'xyz');
  expect(sourcesOf(families, 2)).toEqual([
    ['/a/0.tar', '/a/2.tar', '/a/4.tar'],
    ['/a/1.tar', '/a/3.tar', '/a/5.tar'],
  ]);
});

it('spreads what shares nothing, and repeats what all share', () => {
  const apart = sourcesOf(planOf('a', 'b', 'c', 'd', 'e', 'f'), 3);
  expect(apart.map((own) => own.length)).toEqual([2, 2, 2]);
  const based = sourcesOf(planOf('za', 'zb', 'zc', 'zd'), 2);
  expect(based.map((own) => own.length)).toEqual([2, 2]);
});

it('names each source once, with the limits and the target of the batch', () => {
  const plan = planOf('ab', 'bc', 'cd');
  const shards = shardsOf(plan, 5);
  expect(
    shards
      .flatMap(({ entries }) => entries)
      .map(({ source }) => source.location)
      .toSorted(),
  ).toEqual(plan.sources.map(({ location }) => location));
  for (const { limits, entries } of shards) {
    expect(limits).toEqual({ retries: 2 });
    for (const { source, target } of entries) expect([source.type, target]).toEqual(['location', 'oci:/out']);
  }
});

it('names what was chosen among several, so that a shard chooses the same', () => {
  const plan = planOf('a', 'b');
  const [entry] = plan.batch.entries;
  const filtered: Plan = {
    ...plan,
    batch: { ...plan.batch, entries: [{ ...entry!, filter: { newest: 1, deny: ['x'] } }] },
  };
  const [first] = shardsOf(filtered, 1);
  expect(first!.entries[0]!.filter).toEqual({ deny: ['x'], allow: ['1'] });
});
