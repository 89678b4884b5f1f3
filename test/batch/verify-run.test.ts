import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Batch, BatchEntry } from '../../src/batch/batch.ts';
import { clearDamage } from '../../src/batch/verify/clear-damage.ts';
import { expectedImages } from '../../src/batch/verify/expected-image.ts';
import { repairKeys } from '../../src/batch/verify/repair-keys.ts';
import { type VerifiedImage, VERIFY_LEVELS } from '../../src/batch/verify/verified-image.ts';
import { verifyExpected } from '../../src/batch/verify/verify.ts';
import { type Digest, digestHex } from '../../src/identity/digest.ts';
import {
  dockerArchiveFiles,
  fixtureImage,
  fixtureLayer,
  FixtureLayout,
  json,
  legacyArchiveFiles,
  named,
  v1Id,
  writeArchiveFile,
  writeDirectory,
} from '../support/image-fixture.ts';
import { batchOf, openRunLab, type RunLab } from '../support/run-lab.ts';
import { ScriptedRegistry } from '../support/scripted-registry.ts';

const base = fixtureLayer({ 'etc/os-release': 'ID=demo\n' });
const top = fixtureLayer({ app: 'one\n' });

let lab: RunLab;
let registry: ScriptedRegistry;
beforeEach(async () => {
  registry = await ScriptedRegistry.open();
  lab = openRunLab({ registry: { tlsVerify: false, noCreds: true, retryTimes: 0 } });
});
afterEach(async () => {
  await lab[Symbol.asyncDispose]();
  await registry.close();
});

const at = (name: string): string => join(lab.dir, name);

/** An archive with two images, one of which has two names. */
function archive(): string {
  const images = [
    fixtureImage([base, top], { names: ['team/one:1', 'quay.io/team/one:latest'] }),
    fixtureImage([base], { names: ['team/two:1'] }),
  ];
  return `docker-archive:${writeArchiveFile(at('images.tar'), dockerArchiveFiles(images))}`;
}

/** A layout with an index of two platforms, and a signature of one of its images. */
function layout(): string {
  const layout = new FixtureLayout();
  const members = ['amd64', 'arm64'].map((architecture) => ({
    ...layout.image(fixtureImage([base, top], { config: { architecture } })),
    platform: { os: 'linux', architecture },
  }));
  const signature = layout.manifest({
    config: layout.blob(json({}), 'application/vnd.oci.empty.v1+json'),
    layers: [layout.blob(Buffer.from('signed'), 'application/vnd.dev.sigstore.bundle')],
    subject: { mediaType: members[0]!.mediaType, digest: members[0]!.digest, size: members[0]!.size },
  });
  layout.list([named(layout.index(members), 'team/all:1'), signature]);
  return `oci:${writeDirectory(at('source'), layout.files)}`;
}

async function verified(level: (typeof VERIFY_LEVELS)[number]): Promise<VerifiedImage[]> {
  await using ledger = await lab.ledger();
  const expected = expectedImages(await ledger.items());
  const results: VerifiedImage[] = [];
  for await (const result of verifyExpected(expected, level, { formats: lab.tools.to, jobs: 4 })) results.push(result);
  return results;
}

const codesOf = (results: readonly VerifiedImage[]): string[][] =>
  results.map(({ findings }) => findings.map(({ error }) => error.code));

async function ran(batch: Batch): Promise<void> {
  const events = await lab.run(batch);
  expect(events.filter(({ type }) => type === 'image-failed')).toEqual([]);
}

describe('what a run has brought is found where it was brought, at every level', () => {
  const both = (target: string, terms: Partial<BatchEntry> = {}): Batch =>
    batchOf([archive(), layout()], target, terms);
  const legacy = (): string => {
    const files = legacyArchiveFiles([{ id: v1Id('a') }, { id: v1Id('b'), parent: v1Id('a') }], {
      'team/old': { '1': v1Id('b') },
    });
    return `docker-archive:${writeArchiveFile(at('old.tar'), files)}`;
  };
  const nameless = (): string =>
    `docker-archive:${writeArchiveFile(at('nameless.tar'), dockerArchiveFiles([fixtureImage([top])]))}`;

  const cases: Record<string, { batch: () => Batch; images: number }> = {
    'a layout': { batch: () => both(`oci:${at('out')}`, { referrers: true }), images: 6 },
    'an archive of a layout': { batch: () => both(`oci-archive:${at('out.tar')}`), images: 5 },
    'layouts by a template': { batch: () => both(`oci:${at('out')}/{path}`), images: 5 },
    'one name in a layout': { batch: () => batchOf([nameless()], `oci:${at('out')}:v1`), images: 1 },
    'a directory': { batch: () => batchOf([layout()], `dir:${at('out')}`), images: 3 },
    'a registry, below a path': {
      batch: () => both(`docker://${registry.host}/moved/`, { referrers: true }),
      images: 6,
    },
    'one repository': { batch: () => batchOf([layout()], `docker://${registry.host}/moved/all:7`), images: 3 },
    'an archive of Docker': { batch: () => batchOf([archive()], `docker-archive:${at('out.tar')}`), images: 2 },
    'an archive, from old images': { batch: () => batchOf([legacy()], `docker-archive:${at('out.tar')}`), images: 1 },
    'an archive, without names': { batch: () => batchOf([nameless()], `docker-archive:${at('out.tar')}`), images: 1 },
    'packed anew': {
      batch: () => both(`oci:${at('out')}`, { packing: { compression: 'zstd' } }),
      images: 5,
    },
  };

  test.each(Object.entries(cases))('%s', async (_what, { batch, images }) => {
    await ran(batch());
    for (const level of VERIFY_LEVELS) {
      const results = await verified(level);
      expect(
        results.map(({ findings }) => findings),
        level,
      ).toEqual(results.map(() => []));
      expect(results).toHaveLength(images);
    }
  });
});

test('nothing is expected of a rehearsal', async () => {
  await ran(batchOf([archive()], 'null:'));
  expect(await verified('full')).toEqual([]);
});

test('a damaged blob, a missing one and a wrong tag are found, with the images that have them', async () => {
  await ran(batchOf([archive()], `oci:${at('out')}`));
  const good = await verified('full');
  const blob = (digest: Digest): string => at(`out/blobs/sha256/${digestHex(digest)}`);
  writeFileSync(blob(top.diffId), Buffer.alloc(top.tar.length));
  rmSync(blob(good[1]!.digest!));
  const results = await verified('full');
  expect(codesOf(results)).toEqual([['DIGEST_MISMATCH'], ['BLOB_MISSING']]);
  expect(results.map(({ damaged }) => damaged)).toEqual([[top.diffId], [good[1]!.digest]]);
  expect(results.map(({ key }) => key)).toEqual(good.map(({ key }) => key));
});

test('what is damaged in a layout is removed, and then missing', async () => {
  await ran(batchOf([archive()], `oci:${at('out')}`));
  const manifest = (await verified('exists'))[1]!.digest!;
  const file = (digest: Digest): string => at(`out/blobs/sha256/${digestHex(digest)}`);
  writeFileSync(file(top.diffId), Buffer.alloc(top.tar.length));
  writeFileSync(file(manifest), 'cut');
  const results = await verified('full');
  expect(codesOf(results)).toEqual([['DIGEST_MISMATCH'], ['SIZE_MISMATCH']]);
  expect(await Promise.all(results.map((result) => clearDamage(result)))).toEqual([[top.diffId], [manifest]]);
  expect([file(top.diffId), file(manifest), file(base.diffId)].map((path) => existsSync(path))).toEqual([
    false,
    false,
    true,
  ]);
  const again = await verified('full');
  expect(codesOf(again)).toEqual([['BLOB_MISSING'], ['BLOB_MISSING']]);
  expect(await clearDamage(again[0]!)).toEqual([]);
});

test('what is to be done again is what is damaged, and then all is good', async () => {
  const batch = batchOf([archive(), layout()], `oci:${at('out')}`);
  await ran(batch);
  const file = (digest: Digest): string => at(`out/blobs/sha256/${digestHex(digest)}`);
  writeFileSync(file(top.diffId), Buffer.alloc(top.tar.length));
  const results = await verified('full');
  const bad = results.filter(({ findings }) => findings.length > 0);
  expect(bad.length).toBeLessThan(results.length);
  for (const image of bad) await clearDamage(image);
  {
    await using ledger = await lab.ledger();
    const keys = repairKeys(results, await ledger.items());
    expect(keys).toHaveLength(bad.length + 2);
    await ledger.reopen(keys);
  }
  const events = await lab.run(batch, { trustLedger: true });
  expect(events.filter(({ type }) => type === 'layer-done')).toHaveLength(1);
  expect(codesOf(await verified('full'))).toEqual(results.map(() => []));
});

test('a wrong tag of a registry is found', async () => {
  await ran(batchOf([archive()], `docker://${registry.host}/moved/`));
  const [one] = await verified('exists');
  registry.tags.set('moved/team/one:latest', `sha256:${'0'.repeat(64)}`);
  const results = await verified('exists');
  expect(codesOf(results)).toEqual([['REMOTE_IMAGE_NOT_FOUND'], []]);
  registry.tags.set('moved/team/one:latest', registry.tags.get('moved/team/one:1')!);
  expect(codesOf(await verified('exists'))).toEqual([[], []]);
  expect(one!.names).toEqual(['team/one:1', 'quay.io/team/one:latest']);
});
