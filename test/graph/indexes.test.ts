import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { KeptIndex } from '../../src/graph/indexes.ts';
import { type Digest, digestHex, sha256Digest } from '../../src/identity/digest.ts';
import { codeOf } from '../support/code-of.ts';
import { fixtureImage, fixtureLayer } from '../support/image-fixture.ts';
import { imageDirectory, modernImage } from '../support/modern-image.ts';
import { openTestStore, type TestStore } from '../support/test-store.ts';

const RAW = Buffer.from('{"manifests":[]}');
const ATTACHED = Buffer.from('an attestation');
const attachment = { digest: sha256Digest(ATTACHED), size: ATTACHED.length };

let store: TestStore;
let dir: string;
beforeEach(async () => {
  store = await openTestStore('overlay2');
  dir = imageDirectory();
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

const index = (attachments: KeptIndex['attachments'] = []): KeptIndex => ({
  digest: sha256Digest(RAW),
  mediaType: 'application/vnd.oci.image.index.v1+json',
  members: [{ digest: sha256Digest('member'), platform: { os: 'linux', architecture: 'amd64' }, id: null }],
  attachments,
});
const keep = (names: string[], kept = index()): Promise<void> =>
  store.graph.exclusive(() => store.graph.indexes.keep(names, RAW, kept));
const forget = (name: string): Promise<void> => store.graph.exclusive(() => store.graph.forgetIndexes([name]));
const attach = async (bytes: Buffer, digest: Digest): Promise<void> => {
  const path = join(dir, 'attached');
  writeFileSync(path, bytes);
  await store.graph.blobs.adopt(path, digest);
};

test('an index is found by its names and given back byte for byte', async () => {
  await keep(['app:1', 'app:latest']);
  expect(await store.graph.indexes.of('app:latest')).toEqual(index());
  expect(await store.graph.indexes.of('app:2')).toBeNull();
  expect(await store.graph.indexes.of('__proto__')).toBeNull();
  expect((await store.graph.indexes.raw(index().digest)).equals(RAW)).toBe(true);
});

test('it goes with the last name that means it, and so does what came with it', async () => {
  await attach(ATTACHED, attachment.digest);
  await keep(['app:1', 'app:2'], index([attachment]));
  await forget('app:1');
  expect(await store.graph.blobs.has(attachment.digest)).toBe(true);
  await forget('app:2');
  await forget('app:2');
  expect(await store.graph.indexes.of('app:2')).toBeNull();
  expect(readdirSync(join(store.root, 'indexes/sha256'))).toEqual([]);
  expect(await store.graph.blobs.has(attachment.digest)).toBe(false);
});

test('a blob that an image and an index share stays while one of them is there', async () => {
  const layer = fixtureLayer({ x: 'x' }, 'gzip');
  const image = fixtureImage([layer]);
  await store.graph.addImage(modernImage(dir, image, { manifest: true }), { blobs: 'keep' });
  await keep(['app:1'], index([{ digest: layer.digest, size: layer.stored.length }]));
  await store.graph.delete(digestHex(image.configDigest));
  expect(await store.graph.blobs.has(layer.digest)).toBe(true);
  await store.graph.removeUnneeded([digestHex(layer.diffId)]);
  expect(await store.graph.blobs.has(layer.digest)).toBe(true);
  await forget('app:1');
  expect(await store.graph.blobs.has(layer.digest)).toBe(false);
});

test('a damaged list is an error, and its digests never lead elsewhere', async () => {
  mkdirSync(join(store.root, 'indexes'));
  const damaged = [
    '{',
    '{"a:1":null}',
    '{"a:1":{"digest":"sha256:../../x","mediaType":"x","members":[],"attachments":[]}}',
    `{"a:1":{"digest":"${index().digest}","mediaType":"x","members":[],"attachments":[{"digest":"x"}]}}`,
  ];
  for (const text of damaged) {
    writeFileSync(join(store.root, 'indexes/names.json'), text);
    expect(await codeOf(store.graph.indexes.of('a:1'))).toMatch(/JSON_INVALID|INVALID_DIGEST/);
  }
  expect(existsSync(join(store.root, 'indexes/sha256'))).toBe(false);
});
