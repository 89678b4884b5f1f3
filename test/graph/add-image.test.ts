import { appendFileSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { digestHex } from '../../src/identity/digest.ts';
import { codeOf } from '../support/code-of.ts';
import {
  type FixtureImage,
  type FixtureLayer,
  fixtureImage,
  fixtureLayer,
  pack,
  packedLayer,
} from '../support/image-fixture.ts';
import { imageDirectory, layerIds, modernImage } from '../support/modern-image.ts';
import { dir as dirEntry, file, tar } from '../support/tar-fixture.ts';
import { openTestStore, type TestStore } from '../support/test-store.ts';
import { inFile } from '../support/in-file.ts';

const keep = { blobs: 'keep' } as const;
const base = fixtureLayer({ 'etc/os': 'base' });
const middle = fixtureLayer({ 'usr/lib': 'middle' });
const top = fixtureLayer({ 'srv/app': 'top' }, 'gzip');
const headOf = (image: FixtureImage): string => digestHex(image.configDigest);

describe.each(['vfs', 'overlay2'])('on %s', (driver) => {
  let store: TestStore;
  let dir: string;
  beforeEach(async () => {
    store = await openTestStore(driver);
    dir = imageDirectory();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await store[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true });
  });

  const ids = (): string[] =>
    readdirSync(join(store.root, 'graph'))
      .filter((name) => name !== '_tmp')
      .sort();
  const blobs = (): string[] => {
    const path = join(store.root, 'blobs/sha256');
    return existsSync(path) ? readdirSync(path).sort() : [];
  };
  const nothingStaged = (): void => {
    expect(readdirSync(join(store.root, 'graph/_tmp'))).toEqual([]);
    const trees = join(store.root, driver, 'tmp');
    expect(existsSync(trees) ? readdirSync(trees) : []).toEqual([]);
  };

  test('layers are images named by their ChainIDs, the head is named by its config', async () => {
    const image = fixtureImage([base, middle, top]);
    const added = await store.graph.addImage(modernImage(dir, image), keep);
    expect(added).toMatchObject({ id: headOf(image), layers: 3, registered: 3, reused: 0 });
    const chain = layerIds(image);
    expect(store.graph.history(added.id).map(({ id }) => id)).toEqual([added.id, ...chain.toReversed()]);
    expect(await store.graph.layersOf(added.id)).toEqual(
      image.layers.map(({ diffId }, at) => expect.objectContaining({ id: chain[at], diffId })),
    );
    expect((await store.graph.configOf(added.id))?.equals(image.config)).toBe(true);
    expect((await store.graph.get(added.id)).size).toBe(0);
    expect((await store.graph.rawJson(chain[1]!)).toString()).toMatch(
      new RegExp(`^{"id":"${chain[1]}","parent":"${chain[0]}","created":"1970-01-01T00:00:00Z","container_config":{`),
    );
    nothingStaged();
  });

  test('an image without layers is a head without a parent', async () => {
    const image = fixtureImage([]);
    await store.graph.addImage(modernImage(dir, image), keep);
    expect(ids()).toEqual([headOf(image)]);
    expect(await store.graph.layersOf(headOf(image))).toEqual([]);
    expect(await codeOf(store.graph.tempLayerArchive(headOf(image)))).toBe('INVALID_ARGUMENT');
  });

  test('TestRegisterExistingLayer: images share equal chains, and images that differ in their config alone share every layer', async () => {
    const first = fixtureImage([base, middle]);
    const second = fixtureImage([base, middle], { config: { author: 'somebody else' } });
    const third = fixtureImage([base, top]);
    await store.graph.addImage(modernImage(dir, first), keep);
    expect(await store.graph.addImage(modernImage(dir, second), keep)).toMatchObject({ registered: 0, reused: 2 });
    expect(await store.graph.addImage(modernImage(dir, third), keep)).toMatchObject({ registered: 1, reused: 1 });
    expect(ids()).toHaveLength(3 + 2 + 1);
  });

  test('the same image again reads no layer', async () => {
    const image = fixtureImage([base, top]);
    await store.graph.addImage(modernImage(dir, image, { manifest: true }), keep);
    const run = vi.spyOn(store.pool, 'run');
    const again = await store.graph.addImage(modernImage(dir, image, { manifest: true }), keep);
    expect(again).toMatchObject({ registered: 0, reused: 2, bytes: 0 });
    expect(run).not.toHaveBeenCalled();
  });

  test('images that come at once make what they share once', async () => {
    // Each names the directories of its files: no layer has to wait for another one and begin again.
    const layers = ['a', 'b', 'c'].map((name) => packedLayer(tar([dirEntry(`${name}/`), file(`${name}/x`, name)])));
    const images = Array.from({ length: 6 }, (_, index) => fixtureImage(layers, { config: { author: `${index}` } }));
    const run = vi.spyOn(store.pool, 'run');
    const added = await Promise.all(images.map((image) => store.graph.addImage(modernImage(dir, image), keep)));
    expect(run.mock.calls.filter(([name]) => name === 'layer.apply')).toHaveLength(3);
    expect(added.reduce((sum, { registered }) => sum + registered, 0)).toBe(3);
    expect(ids()).toHaveLength(3 + 6);
    nothingStaged();
  });

  test('a layer that needs what is below it waits for that', async () => {
    // The first two are complete in themselves, and not committed yet when the third one asks for them.
    const implies = packedLayer(tar([file('etc/deep/er', 'x')]));
    const [first, second] = ['etc', 'usr'].map((name) => packedLayer(tar([dirEntry(`${name}/`)]))) as [
      FixtureLayer,
      FixtureLayer,
    ];
    const whole = fixtureImage([first, second, implies]);
    await store.graph.addImage(modernImage(dir, whole), keep);
    expect(await store.graph.layersOf(headOf(whole))).toHaveLength(3);

    const image = fixtureImage([fixtureLayer({ 'etc/os': 'base' }), packedLayer(tar([file('etc/new', 'y')])), implies]);
    await store.graph.addImage(modernImage(dir, image), keep);
    await using archive = await store.graph.tempLayerArchive(headOf(image), 'none');
    expect(archive.diffId).toBe(implies.diffId);
  });

  describe('a failure', () => {
    test.each([0, 1, 2])('in layer %i leaves nothing', async (bad) => {
      const image = fixtureImage([base, middle, top]);
      const modern = modernImage(dir, image);
      writeFileSync(inFile(modern.layers[bad]!.blob).path, fixtureLayer({ other: 'bytes' }).tar);
      expect(await codeOf(store.graph.addImage(modern, keep))).toBe('DIFF_ID_MISMATCH');
      expect(ids()).toEqual([]);
      expect(blobs()).toEqual([]);
      nothingStaged();
    });

    test('keeps what another image needs', async () => {
      const good = fixtureImage([base, middle]);
      await store.graph.addImage(modernImage(dir, good), keep);
      const before = ids();
      const bad = modernImage(dir, fixtureImage([base, middle, top]));
      writeFileSync(inFile(bad.layers[2]!.blob).path, 'no tar');
      expect(await codeOf(store.graph.addImage(bad, keep))).not.toBe('no error');
      expect(ids()).toEqual(before);
    });

    test('of one import does not spoil another that waited for its layers', async () => {
      const shared = fixtureImage([base, middle, top]);
      const bad = modernImage(dir, shared);
      const broken = join(dir, 'broken');
      writeFileSync(broken, 'no tar at all');
      bad.layers[1] = { ...bad.layers[1]!, blob: { path: broken } };
      const [first, second] = await Promise.all([
        codeOf(store.graph.addImage(bad, keep)),
        codeOf(store.graph.addImage(modernImage(dir, shared), keep)),
      ]);
      expect(first).toBe('TAR_TRUNCATED');
      expect(second).toBe('no error');
      expect(ids()).toHaveLength(4);
      nothingStaged();
    });

    test('of all imports of a chain leaves nothing of it', async () => {
      const make = (author: string): ReturnType<typeof modernImage> => {
        const image = modernImage(dir, fixtureImage([base, middle, top], { config: { author } }));
        const broken = join(dir, `broken-${author}`);
        writeFileSync(broken, 'no tar at all');
        return {
          ...image,
          layers: image.layers.map((layer, at) => (at === 2 ? { ...layer, blob: { path: broken } } : layer)),
        };
      };
      const codes = await Promise.all(
        ['a', 'b', 'c'].map((author) => codeOf(store.graph.addImage(make(author), keep))),
      );
      expect(codes).not.toContain('no error');
      expect(ids()).toEqual([]);
      nothingStaged();
    });

    test('by a cancel leaves nothing, and the others that waited go on', async () => {
      const image = fixtureImage([base, middle, top]);
      const stop = new AbortController();
      const cancelled = codeOf(store.graph.addImage(modernImage(dir, image), { ...keep, signal: stop.signal }));
      const other = codeOf(store.graph.addImage(modernImage(dir, image), keep));
      stop.abort();
      expect(await Promise.all([cancelled, other])).toEqual(['CANCELLED', 'no error']);
      expect(ids()).toHaveLength(4);
      nothingStaged();
    });
  });

  describe('an id that was planted before', () => {
    const image = fixtureImage([base, middle]);
    const [baseId, middleId] = layerIds(image) as [string, string];
    const plant = async (id: string, parent: string, layer: Buffer | null): Promise<void> => {
      const path = join(dir, 'planted');
      if (layer !== null) writeFileSync(path, layer);
      await store.graph.register({ id, parent }, layer === null ? null : path);
    };

    test('for a layer is not taken for it', async () => {
      await plant(baseId, '', fixtureLayer({ 'etc/os': 'EVIL' }).tar);
      expect(await codeOf(store.graph.addImage(modernImage(dir, image), keep))).toBe('IMAGE_ID_TAKEN');
      expect(ids()).toEqual([baseId]);
      expect((await store.graph.infoOf(baseId))?.diffId).not.toBe(base.diffId);
    });

    test('with the right layer on the wrong parent is not taken for it', async () => {
      await plant('f'.repeat(64), '', fixtureLayer({ 'etc/os': 'EVIL' }).tar);
      await plant(middleId, 'f'.repeat(64), middle.tar);
      expect(await codeOf(store.graph.addImage(modernImage(dir, image), keep))).toBe('IMAGE_ID_TAKEN');
    });

    test('for a head is not taken for it', async () => {
      await plant(headOf(image), '', null);
      expect(await codeOf(store.graph.addImage(modernImage(dir, image), keep))).toBe('IMAGE_ID_TAKEN');
      expect(ids()).toEqual([headOf(image)]);
    });

    test('with the very layer is that layer', async () => {
      await plant(baseId, '', base.tar);
      expect(await store.graph.addImage(modernImage(dir, image), keep)).toMatchObject({ registered: 1, reused: 1 });
    });

    test('cannot be planted after the genuine one', async () => {
      await store.graph.addImage(modernImage(dir, image), keep);
      expect(await codeOf(plant(baseId, '', fixtureLayer({ 'etc/os': 'EVIL' }).tar))).toBe('IMAGE_ID_TAKEN');
      expect(await codeOf(plant(headOf(image), middleId, null))).toBe('IMAGE_ID_TAKEN');
      expect((await store.graph.infoOf(baseId))?.diffId).toBe(base.diffId);
    });
  });

  describe('packed layers', () => {
    test('are kept with the manifest that names them, and go with the last image that needs them', async () => {
      const first = fixtureImage([base, top]);
      const second = fixtureImage([base, top], { config: { author: 'x' } });
      const modern = modernImage(dir, first, { manifest: true });
      await store.graph.addImage(modern, keep);
      await store.graph.addImage(modernImage(dir, second, { manifest: true }), keep);
      expect(blobs()).toEqual([digestHex(top.digest)]);
      const info = await store.graph.infoOf(headOf(first));
      expect(info?.blobs).toEqual([
        null,
        { digest: top.digest, size: top.stored.length, compression: 'gzip', mediaType: 'application/x-layer' },
      ]);
      expect(info?.manifest).toEqual({ mediaType: 'application/x-manifest', digest: modern.manifest!.digest });
      expect((await store.graph.manifestOf(headOf(first)))?.equals(modern.manifest!.raw)).toBe(true);
      await store.graph.delete(headOf(first));
      expect(blobs()).toEqual([digestHex(top.digest)]);
      await store.graph.delete(headOf(second));
      await store.graph.removeUnneeded(layerIds(first));
      expect(blobs()).toEqual([]);
      expect(ids()).toEqual([]);
    });

    test('that come packed otherwise for a layer that is here are proven and kept too', async () => {
      const zstd = packedLayer(top.tar, 'zstd');
      const first = fixtureImage([top]);
      const second = fixtureImage([zstd], { config: { author: 'x' } });
      await store.graph.addImage(modernImage(dir, first, { manifest: true }), keep);
      expect(await store.graph.addImage(modernImage(dir, second, { manifest: true }), keep)).toMatchObject({
        reused: 1,
      });
      expect(blobs()).toEqual([digestHex(top.digest), digestHex(zstd.digest)].sort());
      expect((await store.graph.infoOf(headOf(second)))?.blobs).toEqual([
        expect.objectContaining({ digest: zstd.digest }),
      ]);
      await store.graph.delete(headOf(second));
      expect(blobs()).toEqual([digestHex(top.digest)]);
    });

    test('that do not hold the layer they are named for are refused', async () => {
      await store.graph.addImage(modernImage(dir, fixtureImage([top])), keep);
      const before = ids();
      const evil = { ...packedLayer(fixtureLayer({ evil: 'x' }).tar, 'gzip'), diffId: top.diffId };
      const image = modernImage(dir, fixtureImage([evil], { config: { author: 'x' } }), { manifest: true });
      expect(await codeOf(store.graph.addImage(image, keep))).toBe('DIFF_ID_MISMATCH');
      expect(ids()).toEqual(before);
      expect(blobs()).toEqual([digestHex(top.digest)]);
      nothingStaged();
    });

    test('are not kept when they are to be dropped', async () => {
      await store.graph.addImage(modernImage(dir, fixtureImage([base, top]), { manifest: true }), { blobs: 'drop' });
      expect(blobs()).toEqual([]);
    });

    test('with the promised size but other bytes are refused', async () => {
      const modern = modernImage(dir, fixtureImage([top]), { manifest: true });
      const stored = pack(fixtureLayer({ 'srv/app': 'TOP' }).tar, 'gzip');
      writeFileSync(inFile(modern.layers[0]!.blob).path, stored);
      appendFileSync(inFile(modern.layers[0]!.blob).path, Buffer.alloc(Math.max(0, top.stored.length - stored.length)));
      expect(await codeOf(store.graph.addImage(modern, keep))).toMatch(/MISMATCH|INVALID/);
      expect(ids()).toEqual([]);
    });
  });
});
