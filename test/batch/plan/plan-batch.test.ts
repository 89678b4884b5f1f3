import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { batchId } from '../../../src/batch/plan/make-plan.ts';
import { loadSettings } from '../../../src/config/load.ts';
import { planBatch } from '../../../src/plan-batch.ts';
import { openSystem } from '../../../src/system/select.ts';
import { dockerArchiveFiles, fixtureImage, fixtureLayer, writeArchiveFile } from '../../support/image-fixture.ts';
import { batchOf, openRunLab } from '../../support/run-lab.ts';

it('leaves a run alone that is at the same batch', async () => {
  await using lab = openRunLab();
  const image = fixtureImage([fixtureLayer({ one: 'one' })], { names: ['app:1'] });
  const source = writeArchiveFile(join(lab.dir, 'one.tar'), dockerArchiveFiles([image]));
  const batch = batchOf([source], `oci:${join(lab.dir, 'out')}`);
  const staging = join(lab.dir, 'out', `.layermill-${batchId(batch).slice(0, 12)}`);
  mkdirSync(staging, { recursive: true });
  writeFileSync(join(staging, 'new-0'), 'half of a layer');
  const { coordinator, from } = lab.tools;
  const pipeline = {
    coordinator,
    pool: from.pool,
    system: openSystem(),
    formats: lab.formats.context,
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const { totals } = await planBatch(batch, { pipeline, settings: await loadSettings(), cache: null });
  expect(totals.images).toBe(1);
  expect(readdirSync(staging)).toEqual(['new-0']);
  expect(readdirSync(join(lab.dir, 'out'))).toHaveLength(1);
});
