import { type FixtureLayer, json, v1Id } from './image-fixture.ts';

/**
 * What Docker before 1.8 pushed, top step first: every step has a blob, and those that changed no file all have the same
 * one.
 */
export function schema1Manifest(base: FixtureLayer, empty: FixtureLayer): Buffer {
  const steps = [
    { id: v1Id('c'), parent: v1Id('b'), blob: empty },
    { id: v1Id('b'), parent: v1Id('a'), blob: empty },
    { id: v1Id('a'), blob: base },
  ];
  return json({
    schemaVersion: 1,
    name: 'team/app',
    tag: 'old',
    architecture: 'amd64',
    fsLayers: steps.map(({ blob }) => ({ blobSum: blob.digest })),
    history: steps.map(({ blob: _blob, ...step }) => ({
      v1Compatibility: JSON.stringify({ ...step, created: '2014-05-08T09:10:11Z', os: 'linux' }),
    })),
  });
}
