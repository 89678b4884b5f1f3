import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type {
  ExpectedImage,
  VerifiedImage,
  VerifyContext,
  VerifyLevel,
} from '../../src/batch/verify/verified-image.ts';
import { verifyExpected, verifyPlace } from '../../src/batch/verify/verify.ts';
import { type Digest, digestHex } from '../../src/identity/digest.ts';
import { type FormatLab, openFormatLab } from '../support/format-context.ts';
import {
  dirFiles,
  dockerArchiveFiles,
  type FixtureDescriptor,
  fixtureImage,
  fixtureLayer,
  FixtureLayout,
  json,
  named,
  writeArchiveFile,
  writeDirectory,
} from '../support/image-fixture.ts';

const LEVELS: VerifyLevel[] = ['exists', 'digests', 'full', 'diffids'];

const base = fixtureLayer({ 'etc/os-release': 'ID=demo\n' }, 'gzip');
const top = fixtureLayer({ 'app/main': 'one\n' }, 'zstd');
const other = fixtureLayer({ 'app/main': 'two\n' });

let lab: FormatLab;
let path: string;
let layout: FixtureLayout;
let images: FixtureDescriptor[];
let expected: ExpectedImage[];
let tasks: string[];

/** Three images: `app:1` and `app:2` share their base. */
beforeEach(() => {
  lab = openFormatLab();
  path = join(lab.dir, 'layout');
  layout = new FixtureLayout();
  images = [[base, top], [base, other], [other]].map((layers, index) =>
    layout.image(fixtureImage(layers, { config: { comment: `image ${index}` } })),
  );
  const refs = ['app:1', 'app:2', 'tool:1'];
  layout.list(images.map((image, index) => named(image, refs[index]!)));
  writeDirectory(path, layout.files);
  expected = images.map((image, index) => ({
    key: `k${index}`,
    kind: 'image',
    destination: `oci:${path}`,
    names: [refs[index]!],
    digest: image.digest as Digest,
  }));
  tasks = [];
});
afterEach(() => lab.close());

const blobFile = (digest: string): string => join(path, 'blobs/sha256', digestHex(digest as Digest));

/** Notes the names of the tasks that are run. */
function context(): VerifyContext {
  const { pool } = lab.context;
  const run: typeof pool.run = (name, input, options) => {
    tasks.push(name);
    return pool.run(name, input, options);
  };
  return {
    formats: { ...lab.context, pool: { threads: 2, idle: 2, run, close: () => pool.close() } },
    jobs: 3,
  };
}

async function all(results: AsyncIterable<VerifiedImage>): Promise<VerifiedImage[]> {
  const list: VerifiedImage[] = [];
  for await (const result of results) list.push(result);
  return list;
}

const verify = (level: VerifyLevel): Promise<VerifiedImage[]> => all(verifyExpected(expected, level, context()));
const codesOf = (results: readonly VerifiedImage[]): string[][] =>
  results.map(({ findings }) => findings.map(({ error }) => error.code));

describe('images of a layout that are what they should be', () => {
  test.each(LEVELS)('have no findings: %s', async (level) => {
    const results = await verify(level);
    expect(codesOf(results)).toEqual([[], [], []]);
    expect(results.map(({ key, digest, blobs }) => [key, digest, blobs])).toEqual(
      images.map(({ digest }, index) => [`k${index}`, digest, index === 2 ? 1 : 2]),
    );
  });

  test('are read once for each distinct blob', async () => {
    await verify('full');
    expect(tasks).toEqual(['blob.digest', 'blob.digest', 'blob.digest']);
    tasks = [];
    await verify('diffids');
    expect(tasks).toEqual(['layer.digest', 'layer.digest', 'layer.digest']);
    tasks = [];
    await verify('digests');
    expect(tasks).toEqual([]);
  });

  test('are found without anything being expected', async () => {
    const results = await all(verifyPlace(`oci:${path}`, 'diffids', context()));
    expect(results.map(({ ref, key, kind }) => [ref, key, kind])).toEqual([
      ['app:1', null, 'image'],
      ['app:2', null, 'image'],
      ['tool:1', null, 'image'],
    ]);
    expect(codesOf(results)).toEqual([[], [], []]);
  });
});

describe('damage to a layout', () => {
  test('is found in every image that has the blob, and in all its blobs', async () => {
    rmSync(blobFile(base.digest));
    truncateSync(blobFile(top.digest), 5);
    const results = await verify('digests');
    expect(codesOf(results)).toEqual([['BLOB_MISSING', 'SIZE_MISMATCH'], ['BLOB_MISSING'], []]);
    expect(results[0]!.damaged).toEqual([base.digest, top.digest]);
    expect(results[1]!.damaged).toEqual([base.digest]);
    expect(codesOf(await verify('exists'))).toEqual([[], [], []]);
  });

  test('that leaves the size alone takes reading', async () => {
    const bytes = Buffer.from(top.stored);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(blobFile(top.digest), bytes);
    expect(codesOf(await verify('digests'))).toEqual([[], [], []]);
    for (const level of ['full', 'diffids'] as const) {
      const [first, ...rest] = await verify(level);
      expect(codesOf([first!])).toEqual([['DIGEST_MISMATCH']]);
      expect(first!.findings[0]).toMatchObject({ digest: top.digest, place: blobFile(top.digest) });
      expect(first!.damaged).toEqual([top.digest]);
      expect(codesOf(rest)).toEqual([[], []]);
    }
  });

  test('of a config hides nothing of the layers', async () => {
    rmSync(blobFile(base.digest));
    const config = fixtureImage([base, top], { config: { comment: 'image 0' } }).configDigest;
    rmSync(blobFile(config));
    const [first] = await verify('digests');
    expect(first!.findings.map(({ error, digest }) => [error.code, digest])).toEqual([
      ['BLOB_MISSING', config],
      ['BLOB_MISSING', base.digest],
    ]);
  });

  test('of a manifest is that of its image', async () => {
    rmSync(blobFile(images[1]!.digest));
    const results = await verify('exists');
    expect(codesOf(results)).toEqual([[], ['BLOB_MISSING'], []]);
    expect(results[1]!.damaged).toEqual([images[1]!.digest]);
  });

  test('by layers that are not those of the config shows when they are unpacked', async () => {
    const lying = fixtureImage([other], { config: { rootfs: { type: 'layers', diff_ids: [base.diffId] } } });
    const descriptor = layout.image(lying);
    writeDirectory(path, layout.list([named(descriptor, 'lie:1')]).files);
    expected = [{ ...expected[0]!, names: ['lie:1'], digest: descriptor.digest as Digest }];
    expect(codesOf(await verify('full'))).toEqual([[]]);
    const [result] = await verify('diffids');
    expect(codesOf([result!])).toEqual([['DIFF_ID_MISMATCH']]);
    expect(result!.damaged).toEqual([other.digest]);
  });

  test('of the whole is told of each image', async () => {
    rmSync(path, { recursive: true });
    expect(codesOf(await verify('full'))).toEqual([['FILE_NOT_FOUND'], ['FILE_NOT_FOUND'], ['FILE_NOT_FOUND']]);
    await expect(all(verifyPlace(`oci:${path}`, 'full', context()))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });
});

describe('names', () => {
  const list = (...entries: FixtureDescriptor[]): string => writeDirectory(path, layout.list(entries).files);

  test('that lead to another image, or nowhere, are found', async () => {
    list(named(images[0]!, 'app:2'), named(images[1]!, 'app:1'), images[2]!);
    const results = await verify('exists');
    expect(results.map(({ findings }) => findings.map(({ error }) => [error.code, error.details]))).toEqual([
      [['TAG_MOVED', { name: 'app:1', expected: images[0]!.digest, actual: images[1]!.digest }]],
      [['TAG_MOVED', { name: 'app:2', expected: images[1]!.digest, actual: images[0]!.digest }]],
      [['TAG_MOVED', { name: 'tool:1', expected: images[2]!.digest, actual: null }]],
    ]);
    expect(results[0]!.damaged).toEqual([images[0]!.digest]);
  });

  test('of images that are gone', async () => {
    list(named(images[0]!, 'app:1'), named(images[0]!, 'app:2'));
    expect(codesOf(await verify('exists'))).toEqual([[], ['TAG_MOVED', 'IMAGE_NOT_FOUND'], ['IMAGE_NOT_FOUND']]);
  });

  test('of the location itself are what it leads to', async () => {
    list(named(images[1]!, 'v1'), named(images[0]!, 'v2'));
    expected = [{ ...expected[0]!, destination: `oci:${path}:v1` }];
    const [result] = await verify('exists');
    expect(codesOf([result!])).toEqual([['TAG_MOVED', 'IMAGE_NOT_FOUND']]);
    expected = [{ ...expected[0]!, destination: `oci:${path}:v2` }];
    expect(codesOf(await verify('exists'))).toEqual([[]]);
    expected = [{ ...expected[0]!, destination: `oci:${path}:v3` }];
    expect(codesOf(await verify('exists'))).toEqual([['TAG_MOVED', 'IMAGE_NOT_FOUND']].map(() => ['IMAGE_NOT_FOUND']));
  });
});

describe('members of an index', () => {
  test('are found by their digests, and what is missing of them', async () => {
    const index = layout.index(images);
    writeDirectory(path, layout.list([named(index, 'all:1')]).files);
    rmSync(blobFile(images[1]!.digest));
    rmSync(blobFile(top.digest));
    expected = [
      ...expected.map((image) => ({ ...image, names: [] })),
      { ...expected[0]!, key: 'index', kind: 'index', names: ['all:1'], digest: index.digest as Digest },
    ];
    const results = await verify('digests');
    expect(codesOf(results)).toEqual([['BLOB_MISSING'], ['IMAGE_NOT_FOUND'], [], []]);
  });
});

describe('what is no layout', () => {
  const archive = (): string => join(lab.dir, 'image.tar');
  const image = fixtureImage([base, other], { names: ['app:1'] });

  test('an archive of Docker has its layers unpacked, for nothing else says what they are', async () => {
    const files = dockerArchiveFiles([image]);
    writeArchiveFile(archive(), files);
    expected = [{ ...expected[0]!, destination: `docker-archive:${archive()}`, digest: null }];
    expect(codesOf(await verify('full'))).toEqual([[]]);
    expect(tasks).toEqual(['archive.index', 'layer.digest', 'layer.digest']);
    files.set(`${digestHex(other.digest)}/layer.tar`, top.tar);
    files.delete(`${digestHex(base.digest)}/layer.tar`);
    writeArchiveFile(archive(), files);
    expect(codesOf(await verify('full'))).toEqual([['ARCHIVE_INVALID', 'DIFF_ID_MISMATCH']]);
    expected = [{ ...expected[0]!, names: ['app:2'] }];
    expect(codesOf(await verify('exists'))).toEqual([['IMAGE_NOT_FOUND']]);
  });

  test('a directory holds one thing, without a name', async () => {
    const dir = writeDirectory(join(lab.dir, 'dir'), dirFiles(image));
    const [found] = await all(verifyPlace(`dir:${dir}`, 'diffids', context()));
    expect(codesOf([found!])).toEqual([[]]);
    expected = [{ ...expected[0]!, destination: `dir:${dir}`, digest: found!.digest }];
    expect(codesOf(await verify('diffids'))).toEqual([[]]);
    rmSync(join(dir, digestHex(base.digest)));
    expect(codesOf(await verify('digests'))).toEqual([['BLOB_MISSING']]);
  });
});

test('signatures in a layout are looked at with what they are about', async () => {
  const signature = layout.manifest({
    config: layout.blob(json({}), 'application/vnd.oci.empty.v1+json'),
    layers: [layout.blob(Buffer.from('signed'), 'application/vnd.dev.sigstore.bundle')],
    subject: images[0],
  });
  const { digest: bundle } = layout.blob(Buffer.from('signed'), 'application/vnd.dev.sigstore.bundle');
  writeDirectory(path, layout.list([named(images[0]!, 'app:1'), signature]).files);
  rmSync(blobFile(bundle));
  const results = await all(verifyPlace(`oci:${path}`, 'full', context()));
  expect(results.map(({ kind }) => kind)).toEqual(['image', 'artifact']);
  expect(codesOf(results)).toEqual([[], ['BLOB_MISSING']]);
  expect(results[1]!.damaged).toEqual([bundle]);
});

test('an interrupted look ends', async () => {
  const { formats, ...rest } = context();
  const interrupted = { ...rest, formats: { ...formats, signal: AbortSignal.abort() } };
  await expect(all(verifyExpected(expected, 'full', interrupted))).rejects.toMatchObject({ code: 'CANCELLED' });
});
