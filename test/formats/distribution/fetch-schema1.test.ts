import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { openRegistrySource } from '../../../src/formats/distribution/source.ts';
import type { ModernImage } from '../../../src/image/image-source.ts';
import { DOCKER_SCHEMA1 } from '../../../src/image/media-types.ts';
import { SpoolBudget } from '../../../src/streams/spool-budget.ts';
import { openFormatLab } from '../../support/format-context.ts';
import { fixtureLayer } from '../../support/image-fixture.ts';
import { schema1Manifest } from '../../support/schema1-fixture.ts';
import { openRegistryLab } from '../../support/registry-lab.ts';

const base = fixtureLayer({ base: 'base' }, 'gzip');
const empty = fixtureLayer({}, 'gzip');

it('a manifest of schema 1 may name a blob several times, and nobody waits for the room that it takes', async () => {
  await using lab = await openRegistryLab();
  const spool = new SpoolBudget(1);
  await using formats = openFormatLab({ registries: lab.registries, spool });
  for (const { stored } of [base, empty]) lab.registry.addBlob('team/app', stored);
  lab.registry.addManifest('team/app', 'old', schema1Manifest(base, empty), DOCKER_SCHEMA1);
  const source = openRegistrySource(`//${lab.registry.host}/team/app:old`, formats.context);
  const items = [];
  for await (const item of source.images()) items.push(item as ModernImage);
  expect(items[0]!.layers.map(({ diffId }) => diffId)).toEqual([base, empty, empty].map(({ diffId }) => diffId));
  expect(lab.registry.requests('GET', /blobs/)).toHaveLength(2);
  // The layers stay until the source is closed, which is when they have been copied: that must be able to go on.
  const room = spool.acquire(1024).then((release) => (release(), 'admitted'));
  expect(await Promise.race([room, delay(200, 'waits')])).toBe('admitted');
  await source.close();
});
