import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ExpectedImage, VerifiedImage, VerifyLevel } from '../../src/batch/verify/verified-image.ts';
import { verifyExpected, verifyPlace } from '../../src/batch/verify/verify.ts';
import type { Digest } from '../../src/identity/digest.ts';
import { type FormatLab, openFormatLab } from '../support/format-context.ts';
import { type FixtureLayer, fixtureImage, fixtureLayer, json, MEDIA } from '../support/image-fixture.ts';
import { ScriptedRegistry } from '../support/scripted-registry.ts';

const base = fixtureLayer({ 'etc/os-release': 'ID=demo\n' }, 'gzip');
const top = fixtureLayer({ 'app/main': 'one\n' }, 'zstd');
const OTHER = `sha256:${'0'.repeat(64)}` as const;

let lab: FormatLab;
let registry: ScriptedRegistry;
let expected: ExpectedImage[];

beforeEach(async () => {
  lab = openFormatLab({ registry: { tlsVerify: false, noCreds: true, retryTimes: 0 } });
  registry = await ScriptedRegistry.open();
  expected = [
    ['team/app', '1', [base, top]],
    ['team/app', '2', [base]],
    ['team/tool', '1', [base]],
  ].map(([name, tag, layers], index) => put(name as string, tag as string, layers as FixtureLayer[], index));
});
afterEach(async () => {
  await registry.close();
  expect(readdirSync(lab.tempDir)).toEqual([]);
  await lab.close();
});

function put(name: string, tag: string, layers: FixtureLayer[], index: number): ExpectedImage {
  const image = fixtureImage(layers, { config: { comment: `image ${index}` } });
  const describe = (bytes: Buffer, mediaType: string): object => {
    return { mediaType, digest: registry.addBlob(`mirror/${name}`, bytes), size: bytes.length };
  };
  const raw = json({
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: describe(image.config, MEDIA.config),
    layers: layers.map(({ stored, compression }) => describe(stored, `${MEDIA.layer}+${compression}`)),
  });
  const digest = registry.addManifest(`mirror/${name}`, tag, raw, MEDIA.manifest);
  const destination = `docker://${registry.host}/mirror/`;
  return { key: `k${index}`, kind: 'image', destination, names: [`quay.io/${name}:${tag}`], digest };
}

async function all(results: AsyncIterable<VerifiedImage>): Promise<VerifiedImage[]> {
  const list: VerifiedImage[] = [];
  for await (const result of results) list.push(result);
  return list;
}

/** Beside the first question, which only finds out how the registry is spoken to. */
const asked = (): string[] =>
  registry.seen
    .map(({ method, url }) => `${method} ${url}`)
    .filter((request) => request !== 'GET /v2/')
    .toSorted();
const verify = (level: VerifyLevel): Promise<VerifiedImage[]> =>
  all(verifyExpected(expected, level, { formats: lab.context, jobs: 4 }));
const codesOf = (results: readonly VerifiedImage[]): string[][] =>
  results.map(({ findings }) => findings.map(({ error }) => error.code));

describe('images in a registry', () => {
  test('exist when each name leads to the right manifest: one HEAD each, and no other request', async () => {
    expect(codesOf(await verify('exists'))).toEqual([[], [], []]);
    expect(asked()).toEqual([
      'HEAD /v2/mirror/team/app/manifests/1',
      'HEAD /v2/mirror/team/app/manifests/2',
      'HEAD /v2/mirror/team/tool/manifests/1',
    ]);
  });

  test('have all their blobs when one HEAD for each says so', async () => {
    expect(codesOf(await verify('digests'))).toEqual([[], [], []]);
    const layers = [base, top].map(({ digest }) => digest as string);
    const asked = registry.requests('HEAD', /blobs/).map(({ url }) => url);
    expect(asked.filter((url) => layers.some((digest) => url.endsWith(digest)))).toHaveLength(3);
    expect(registry.requests('GET', new RegExp(layers.join('|')))).toEqual([]);
  });

  test.each(['full', 'diffids'] as const)('are fetched once for each distinct blob: %s', async (level) => {
    expect(codesOf(await verify(level))).toEqual([[], [], []]);
    for (const { digest } of [base, top]) expect(registry.requests('GET', new RegExp(digest))).toHaveLength(1);
  });

  test('that are not what they should be are all told', async () => {
    registry.tags.set('mirror/team/app:1', expected[1]!.digest!);
    registry.tags.delete('mirror/team/app:2');
    registry.blobs.delete(`mirror/team/tool@${base.digest}`);
    const results = await verify('digests');
    expect(codesOf(results)).toEqual([['TAG_MOVED'], ['REMOTE_IMAGE_NOT_FOUND'], ['BLOB_MISSING']]);
    expect(results[0]!.findings[0]).toMatchObject({ place: `${registry.host}/mirror/team/app` });
    expect(results[2]!.damaged).toEqual([base.digest]);
  });

  test('are looked at by what is expected, also where the name leads elsewhere', async () => {
    registry.tags.set('mirror/team/app:1', expected[1]!.digest!);
    registry.blobs.delete(`mirror/team/app@${top.digest}`);
    expect(codesOf(await verify('digests'))).toEqual([['TAG_MOVED', 'BLOB_MISSING'], [], []]);
  });

  test('with bytes that were changed behind its back', async () => {
    const bytes = Buffer.from(top.stored);
    bytes[9]! ^= 1;
    registry.blobs.set(`mirror/team/app@${top.digest}`, bytes);
    expect(codesOf(await verify('digests'))).toEqual([[], [], []]);
    const [first] = await verify('full');
    expect(codesOf([first!])).toEqual([['DIGEST_MISMATCH']]);
    expect(first!.damaged).toEqual([top.digest]);
  });

  test('of a registry that fails are no mismatch of the others', async () => {
    registry.fail({ path: /team\/tool\/manifests/ }, { is: 'status', status: 503 }, 9);
    const results = await verify('exists');
    expect(codesOf(results)).toEqual([[], [], ['REGISTRY_UNAVAILABLE']]);
    expect(results[2]!.damaged).toEqual([]);
  });

  test('by one name are what it leads to', async () => {
    const destination = `docker://${registry.host}/mirror/team/app:2`;
    expected = [
      { ...expected[1]!, destination },
      { ...expected[0]!, destination },
    ];
    expect(codesOf(await verify('exists'))).toEqual([[], ['TAG_MOVED']]);
  });
});

describe('members of an index', () => {
  const members = (): ExpectedImage[] => [expected[0]!, expected[1]!].map((image) => ({ ...image, names: [] }));

  const index = (...digests: Digest[]): ExpectedImage => {
    const manifests = digests.map((digest) => {
      const size = registry.manifests.get(`mirror/team/app@${digest}`)?.raw.length ?? 100;
      return { mediaType: MEDIA.manifest, digest, size, platform: { os: 'linux', architecture: 'amd64' } };
    });
    const raw = json({ schemaVersion: 2, mediaType: MEDIA.index, manifests });
    const digest = registry.addManifest('mirror/team/app', 'all', raw, MEDIA.index);
    return { ...expected[0]!, key: 'index', kind: 'index', names: ['quay.io/team/app:all'], digest };
  };

  test('are read with it', async () => {
    expected = [...members(), index(expected[0]!.digest!, expected[1]!.digest!)];
    expect(codesOf(await verify('digests'))).toEqual([[], [], []]);
    expect(registry.requests('HEAD', /manifests/)).toHaveLength(1);
  });

  test('that are missing are told', async () => {
    expected = [...members(), index(OTHER, expected[1]!.digest!)];
    expect(codesOf(await verify('digests'))).toEqual([['IMAGE_NOT_FOUND'], [], []]);
    expect(codesOf(await verify('exists'))).toEqual([[], [], []]);
  });
});

describe('a place in a registry', () => {
  const place = (path: string, level: VerifyLevel): Promise<VerifiedImage[]> =>
    all(verifyPlace(`docker://${registry.host}/${path}`, level, { formats: lab.context, jobs: 4 }));

  test('is one name', async () => {
    const [found, ...rest] = await place('mirror/team/app:2', 'exists');
    expect(found).toMatchObject({ digest: expected[1]!.digest, findings: [] });
    expect(rest).toEqual([]);
    expect(asked()).toEqual(['HEAD /v2/mirror/team/app/manifests/2']);
    expect(codesOf(await place('mirror/team/app:9', 'full'))).toEqual([['REMOTE_IMAGE_NOT_FOUND']]);
  });

  test('or all that is below a path', async () => {
    registry.addManifest('elsewhere/app', '1', json({}), MEDIA.manifest);
    registry.blobs.delete(`mirror/team/app@${top.digest}`);
    const results = await place('mirror/', 'digests');
    expect(results.map(({ digest }) => digest)).toEqual(expected.map(({ digest }) => digest));
    expect(codesOf(results)).toEqual([['BLOB_MISSING'], [], []]);
  });
});
