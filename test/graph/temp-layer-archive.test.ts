import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from 'vitest';
import { decompress } from 'zstd-napi';
import { PART_BYTES } from '../../src/compression/codec.ts';
import { profileFor } from '../../src/compression/codecs.ts';
import { profileText } from '../../src/compression/profile-text.ts';
import { TempArchive } from '../../src/graph/temp-archive.ts';
import { sha256Digest } from '../../src/identity/digest.ts';
import { StreamFormatter } from '../../src/reporting/stream-formatter.ts';
import { openSystem } from '../../src/system/select.ts';
import { codeOf } from '../support/code-of.ts';
import { dir, file, tar } from '../support/tar-fixture.ts';
import { profileIfHere } from '../support/library.ts';
import { pack } from '../support/pack.ts';
import { inlinePool, openTestStore, type TestStore } from '../support/test-store.ts';

const ID = 'a'.repeat(64);
const TAR = tar([dir('etc/'), file('etc/motd', 'hello\n'), file('etc/motd', 'again\n')], 7);

describe.each(['vfs', 'overlay2'])('on %s', (driver) => {
  let store: TestStore;
  let layer: string;
  beforeEach(async () => {
    store = await openTestStore(driver);
    layer = join(store.root, '..', 'layer.tar');
    writeFileSync(layer, TAR);
    await store.graph.register({ id: ID }, layer);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await store[Symbol.asyncDispose]();
  });
  const staged = (): string[] => readdirSync(join(store.root, 'graph/_tmp'));

  test('gives the bytes back that came, in the file and in the stream', async () => {
    const archive = await store.graph.tempLayerArchive(ID.slice(0, 12), 'none');
    expect(archive).toMatchObject({
      size: TAR.length,
      digest: sha256Digest(TAR),
      diffId: sha256Digest(TAR),
      compression: 'none',
    });
    expect(readFileSync(archive.path).equals(TAR)).toBe(true);
    expect((await buffer(archive.stream())).equals(TAR)).toBe(true);
    await vi.waitFor(() => expect(staged()).toEqual([]));
    expect(() => archive.stream()).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  test('packed, its digest is of the file and its DiffID of the tar', async () => {
    await using archive = await store.graph.tempLayerArchive(ID, 'gzip');
    const bytes = readFileSync(archive.path);
    expect(sha256Digest(bytes)).toBe(archive.digest);
    expect(bytes.length).toBe(archive.size);
    expect(gunzipSync(bytes).equals(TAR)).toBe(true);
    expect(archive.diffId).toBe(sha256Digest(TAR));
  });

  test('read as bytes, closed early, closed twice and never read: the file always goes', async () => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of await store.graph.tempLayerArchive(ID)) chunks.push(chunk);
    expect(Buffer.concat(chunks).equals(TAR)).toBe(true);
    expect(staged()).toEqual([]);

    for await (const _chunk of await store.graph.tempLayerArchive(ID)) break;
    expect(staged()).toEqual([]);

    const early = await store.graph.tempLayerArchive(ID);
    early.stream().destroy();
    await vi.waitFor(() => expect(staged()).toEqual([]));

    const unread = await store.graph.tempLayerArchive(ID);
    await Promise.all([unread.close(), unread.close()]);
    await unread.close();
    expect(existsSync(unread.path)).toBe(false);
    expect(staged()).toEqual([]);
  });

  test('many at once leave no file and no descriptor', async () => {
    const before = readdirSync('/proc/self/fd').length;
    await Promise.all(
      Array.from({ length: 100 }, async () => {
        const stream = (await store.graph.tempLayerArchive(ID)).stream();
        stream.resume();
        await finished(stream);
      }),
    );
    await vi.waitFor(() => expect(staged()).toEqual([]));
    expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before + 2);
  });

  test('a store that was damaged gives an error, never other bytes', async () => {
    const { dir: tree } = await store.graph.driver.mount(ID, null);
    writeFileSync(join(tree, 'etc/motd'), 'AGAIN\n');
    expect(await codeOf(store.graph.tempLayerArchive(ID, 'none'))).toBe('DIFF_ID_MISMATCH');
    expect(await codeOf(store.graph.tempLayerArchive(ID, 'gzip'))).toBe('DIFF_ID_MISMATCH');
    rmSync(join(tree, 'etc/motd'));
    expect(await codeOf(store.graph.tempLayerArchive(ID, 'none'))).not.toBe('no error');
    expect(staged()).toEqual([]);
  });

  test('what is not there', async () => {
    expect(await codeOf(store.graph.tempLayerArchive('b'.repeat(64)))).toBe('IMAGE_NOT_FOUND');
    expect(await codeOf(store.graph.tempLayerArchive(''))).toBe('INVALID_ARGUMENT');
  });

  test('a cancel leaves nothing', async () => {
    const stop = new AbortController();
    const making = store.graph.tempLayerArchive(ID, 'zstd', { signal: stop.signal });
    stop.abort();
    expect(await codeOf(making)).toBe('CANCELLED');
    expect(staged()).toEqual([]);
  });

  test('progress is told as Docker told it', async () => {
    const output = new PassThrough();
    const formatter = new StreamFormatter({ json: true });
    await using archive = await store.graph.tempLayerArchive(ID, 'none', { formatter, output });
    const start = /"start":(\d+)/.exec(String(output.read()))?.[1];
    expect(Math.abs(Number(start) - Date.now() / 1000)).toBeLessThan(60);
    expect(archive.size).toBe(TAR.length);
  });

  test('of an archive that failed nobody is told that it was finished', async () => {
    const { dir: tree } = await store.graph.driver.mount(ID, null);
    writeFileSync(join(tree, 'etc/motd'), 'AGAIN\n');
    const output = new PassThrough();
    const failing = store.graph.tempLayerArchive(ID, 'none', { formatter: new StreamFormatter(), output });
    expect(await codeOf(failing)).toBe('DIFF_ID_MISMATCH');
    expect(output.read()).toBeNull();
  });

  describe('a layer of several parts', () => {
    const LARGE = tar([
      file('one', Buffer.alloc(PART_BYTES + 12_345, 'layer')),
      file('two', Buffer.alloc(PART_BYTES + 54_321, 'mill')),
      file('three', 'x'),
    ]);
    const BIG = 'b'.repeat(64);
    beforeEach(async () => {
      writeFileSync(layer, LARGE);
      await store.graph.register({ id: BIG }, layer);
    });

    const tasksOf = (run: MockInstance<TestStore['pool']['run']>, wanted: string): number =>
      run.mock.calls.filter(([name]) => name === wanted).length;

    test.each(['none', 'gzip', 'zstd'] as const)(
      'packed with %s is made of parts and is the same',
      async (compression) => {
        const run = vi.spyOn(store.pool, 'run');
        await using archive = await store.graph.tempLayerArchive(BIG, compression);
        expect(tasksOf(run, 'layer.part')).toBe(3);
        const bytes = readFileSync(archive.path);
        expect(archive).toMatchObject({ size: bytes.length, digest: sha256Digest(bytes), diffId: sha256Digest(LARGE) });
        expect(archive.profile).toBe(profileText(profileFor({ compression })));
        if (compression === 'none') expect(bytes.equals(LARGE)).toBe(true);
        if (compression === 'gzip') expect(gunzipSync(bytes).equals(LARGE)).toBe(true);
        if (compression === 'zstd') expect(decompress(bytes).equals(LARGE)).toBe(true);
        expect(readdirSync(join(archive.path, '..'))).toEqual(['layer']);
      },
    );

    test.each(['gzip:libdeflate', 'gzip:isal'] as const)('packed with %s has the bytes of one thread', async (name) => {
      const profile = await profileIfHere(profileFor({ compression: name }));
      if (profile === undefined) return;
      await using archive = await store.graph.tempLayerArchive(BIG, name);
      expect(archive).toMatchObject({ compression: 'gzip', profile: profileText(profile) });
      expect(readFileSync(archive.path).equals(pack(profile, LARGE))).toBe(true);
    });

    const damage = async (name: string, at: number): Promise<void> => {
      const { dir: tree } = await store.graph.driver.mount(BIG, null);
      const bytes = readFileSync(join(tree, name));
      bytes[at < 0 ? bytes.length + at : at]! ^= 1;
      writeFileSync(join(tree, name), bytes);
    };

    test.each([
      ['none', 'one', 0],
      ['gzip', 'one', 0],
      ['gzip', 'two', 0],
      ['zstd', 'two', -1],
      ['none', 'three', 0],
      ['gzip', 'three', 0],
    ] as const)('packed with %s, one damaged byte (%s, %i) is refused, and no part stays', async (how, name, at) => {
      await damage(name, at);
      expect(await codeOf(store.graph.tempLayerArchive(BIG, how))).toBe('DIFF_ID_MISMATCH');
      expect(staged()).toEqual([]);
    });

    test.each([
      ['none', 10_000],
      ['gzip', 10_000],
      ['gzip', -1_000_000],
      ['zstd', -PART_BYTES],
    ] as const)('packed with %s, a layer.json that says a size wrong by %i is refused', async (how, by) => {
      const path = join(store.root, 'graph', BIG, 'layer.json');
      const info = JSON.parse(readFileSync(path, 'utf8')) as { tarSize: number; midstates?: string };
      const { midstates: _, ...without } = info;
      for (const wrong of [
        { ...info, tarSize: info.tarSize - by },
        { ...without, tarSize: info.tarSize - by },
      ]) {
        writeFileSync(path, JSON.stringify(wrong));
        // Where the number of midstates shows it, the file is damaged.
        expect(['SIZE_MISMATCH', 'JSON_INVALID']).toContain(await codeOf(store.graph.tempLayerArchive(BIG, how)));
      }
      expect(staged()).toEqual([]);
    });

    describe.skipIf(openSystem().sha256 === null)('with the states of its hash noted', () => {
      test.each(['none', 'gzip'] as const)('each part of %s is proven as it is made', async (compression) => {
        const run = vi.spyOn(store.pool, 'run');
        await using archive = await store.graph.tempLayerArchive(BIG, compression);
        expect(tasksOf(run, 'layer.digest')).toBe(0);
        expect(archive.diffId).toBe(sha256Digest(LARGE));
      });

      test.each(['none', 'gzip'] as const)(
        'threads that cannot go on with a hash make the same file, and prove the whole: %s',
        async (compression) => {
          await using expected = await store.graph.tempLayerArchive(BIG, compression);
          const pool = inlinePool({ ...openSystem(), sha256: null });
          const run = vi.spyOn(pool, 'run');
          await using plain = await openTestStore(driver, { root: store.root, readOnly: true, pool });
          await using archive = await plain.graph.tempLayerArchive(BIG, compression);
          expect(tasksOf(run, 'layer.digest')).toBe(1);
          expect(readFileSync(archive.path).equals(readFileSync(expected.path))).toBe(true);
          expect(archive.digest).toBe(expected.digest);
          await damage('two', 0);
          expect(await codeOf(plain.graph.tempLayerArchive(BIG, compression))).toBe('DIFF_ID_MISMATCH');
        },
      );

      test('a layer that was registered without them is proven as a whole', async () => {
        const path = join(store.root, 'graph', BIG, 'layer.json');
        const { midstates, ...info } = JSON.parse(readFileSync(path, 'utf8')) as { midstates: string };
        expect(Buffer.from(midstates, 'base64')).toHaveLength(2 * 32);
        writeFileSync(path, JSON.stringify(info));
        const run = vi.spyOn(store.pool, 'run');
        await using archive = await store.graph.tempLayerArchive(BIG, 'gzip');
        expect(tasksOf(run, 'layer.digest')).toBe(1);
        expect(archive.diffId).toBe(sha256Digest(LARGE));
        await damage('one', 0);
        expect(await codeOf(store.graph.tempLayerArchive(BIG, 'gzip'))).toBe('DIFF_ID_MISMATCH');
        writeFileSync(path, JSON.stringify({ ...info, midstates: midstates.slice(0, 40) }));
        expect(await codeOf(store.graph.tempLayerArchive(BIG, 'gzip'))).toBe('JSON_INVALID');
      });
    });
  });
});

test('TestTempArchiveCloseMultipleTimes', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'layermill-archive-')), 'hello');
  writeFileSync(path, 'hello');
  const digest = sha256Digest('hello');
  const remove = vi.fn(async () => rmSync(join(path, '..'), { recursive: true }));
  const archive = new TempArchive(
    { path, size: 5, digest, diffId: digest, compression: 'none', profile: 'none' },
    remove,
  );
  expect(String(await buffer(archive.stream()))).toBe('hello');
  for (let times = 0; times < 3; times += 1) await archive.close();
  expect(remove).toHaveBeenCalledTimes(1);
});

test('a store that is read only makes its archives elsewhere', async () => {
  await using store = await openTestStore('vfs');
  const layer = join(store.root, '..', 'layer.tar');
  writeFileSync(layer, TAR);
  await store.graph.register({ id: ID }, layer);
  await using readOnly = await openTestStore('vfs', { root: store.root, readOnly: true });
  await using archive = await readOnly.graph.tempLayerArchive(ID, 'none');
  expect(archive.path.startsWith(store.root)).toBe(false);
  expect(readdirSync(join(store.root, 'graph/_tmp'))).toEqual([]);
  await archive.close();
  expect(existsSync(archive.path)).toBe(false);
});
