import { readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BlobChecks } from '../../src/batch/verify/blob-checks.ts';
import type { VerifiedImage, VerifyLevel } from '../../src/batch/verify/verified-image.ts';
import { verifyStore } from '../../src/batch/verify/verify-store.ts';
import { fixtureImage, fixtureLayer, FixtureLayout, named, writeDirectory } from '../support/image-fixture.ts';
import { type JobLab, openJobLab } from '../support/job-lab.ts';

const base = fixtureLayer({ 'etc/os-release': 'ID=demo\n', 'etc/motd': 'hello\n' }, 'gzip');
const top = fixtureLayer({ 'app/main': 'one\n' }, 'zstd');

let lab: JobLab;
beforeEach(async () => {
  lab = await openJobLab();
  const layout = new FixtureLayout();
  const [one, two] = [[base, top], [base]].map((layers) => layout.image(fixtureImage(layers)));
  layout.list([named(one!, 'app:1'), named(two!, 'app:2')]);
  await lab.import(`oci:${writeDirectory(join(lab.formats.dir, 'layout'), layout.files)}`);
});
afterEach(() => lab[Symbol.asyncDispose]());

async function verify(level: VerifyLevel, names: string[] | null = null): Promise<VerifiedImage[]> {
  const context = { formats: lab.formats.context, jobs: 2 };
  await using checks = new BlobChecks(level, context);
  const results: VerifiedImage[] = [];
  for await (const result of verifyStore(lab.store, names, level, context, checks)) results.push(result);
  return results.toSorted((one, other) => one.ref.localeCompare(other.ref));
}

const codesOf = (results: readonly VerifiedImage[]): Record<string, string[]> =>
  Object.fromEntries(results.map(({ ref, findings }) => [ref, findings.map(({ error }) => error.code)]));

/** The directory with the files of the layer that has this one. */
async function treeOf(file: string): Promise<string> {
  for await (const [id] of lab.store.graph.map()) {
    const { dir } = await lab.store.graph.driver.mount(id, null);
    if (readdirSync(dir, { recursive: true, encoding: 'utf8' }).includes(file)) return dir;
  }
  throw new Error(`no layer has ${file}`);
}

test.each(['exists', 'digests', 'full', 'diffids'] as const)('a good store has no findings: %s', async (level) => {
  expect(codesOf(await verify(level))).toEqual({ 'app:1': [], 'app:2': [] });
});

test('images are looked at by name, and those that are not there are told', async () => {
  expect(codesOf(await verify('full', ['app:2', 'nothing:1']))).toEqual({
    'app:2': [],
    'nothing:1': ['IMAGE_NOT_FOUND'],
  });
});

test('a kept blob that is gone or cut is found by its size', async () => {
  const { blobs } = lab.store.graph;
  truncateSync(blobs.path(top.digest), 3);
  rmSync(blobs.path(base.digest));
  const results = await verify('digests');
  expect(codesOf(results)).toEqual({ 'app:1': ['BLOB_MISSING', 'SIZE_MISMATCH'], 'app:2': ['BLOB_MISSING'] });
  expect(results[0]!.damaged).toEqual([base.digest, top.digest]);
});

test('a file of a layer that was changed is found when the layer is made again, once for all images', async () => {
  writeFileSync(join(await treeOf('etc/motd'), 'etc/motd'), 'HELLO\n');
  expect(codesOf(await verify('digests'))).toEqual({ 'app:1': [], 'app:2': [] });
  const results = await verify('full');
  expect(codesOf(results)).toEqual({ 'app:1': ['DIFF_ID_MISMATCH'], 'app:2': ['DIFF_ID_MISMATCH'] });
  expect(results[0]!.damaged).toEqual([base.diffId]);
  expect(results[0]!.findings[0]!.error).toBe(results[1]!.findings[0]!.error);
});
