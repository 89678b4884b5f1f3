import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { profileFor } from '../../src/compression/codecs.ts';
import { packBlob } from '../../src/coordinator/copy/pack-blob.ts';
import type { Digest } from '../../src/identity/digest.ts';
import { StageSum, type StageTimes, TASK_STAGES } from '../../src/tasks/stage-times.ts';
import { sample, sha256 } from '../support/packed.ts';
import { pack } from '../support/pack.ts';
import { type FormatLab, openFormatLab } from '../support/format-context.ts';
import { file, tar } from '../support/tar-fixture.ts';

const MIB = 1024 * 1024;

let lab: FormatLab;
beforeEach(() => void (lab = openFormatLab()));
afterEach(() => lab.close());

/** Packs a gzip layer of so many bytes anew, and answers what was told, with the time that all of it took. */
async function packed(bytes: number, threads: number): Promise<{ read: number; stages: StageTimes; elapsed: number }> {
  const layer = tar([file('data', sample(bytes))]);
  const blob = pack(profileFor({ compression: 'gzip', level: 1 }), layer);
  const path = join(lab.dir, 'layer');
  writeFileSync(path, blob);
  const { limits, pool } = lab.context;
  const times = new StageSum();
  let read = 0;
  const watch = { bytes: (count: number) => void (read = count), task: () => times.task(), spent: () => {} };
  const started = performance.now();
  const made = await packBlob(
    { limits, pool: { threads, idle: 1, run: (...task) => pool.run(...task), close: () => pool.close() } },
    {
      blob: { path, size: blob.length, digest: `sha256:${sha256(blob)}` },
      compression: 'gzip',
      diffId: `sha256:${sha256(layer)}` satisfies Digest,
      profile: profileFor({ compression: 'zstd' }),
      to: join(lab.dir, 'packed'),
    },
    { signal: new AbortController().signal, watch },
  );
  expect(made.digest).toBe(`sha256:${sha256(readFileSync(join(lab.dir, 'packed')))}`);
  return { read, stages: times.total, elapsed: performance.now() - started };
}

test('tells how long a layer that one task packs took by stage, and no more than it took', async () => {
  const { stages, elapsed } = await packed(MIB, 1);
  for (const stage of TASK_STAGES) expect(stages[stage], stage).toBeGreaterThan(0);
  expect(Object.values(stages).reduce((sum, ms) => sum + ms)).toBeLessThanOrEqual(elapsed);
});

test('adds up the times of the tasks that unpack, make parts and join them', async () => {
  const { read, stages, elapsed } = await packed(20 * MIB, 2);
  expect(read).toBeGreaterThan(20 * MIB);
  for (const stage of TASK_STAGES) expect(stages[stage], stage).toBeGreaterThan(0);
  const sum = Object.values(stages).reduce((all, ms) => all + ms);
  expect(sum).toBeLessThanOrEqual(elapsed);
  expect(sum).toBeGreaterThan(elapsed / 3);
});
