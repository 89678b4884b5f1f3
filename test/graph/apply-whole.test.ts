import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { OutputCompression } from '../../src/compression/codec.ts';
import { digestHex, sha256Digest } from '../../src/identity/digest.ts';
import type { ModernImage } from '../../src/image/image-source.ts';
import type { TaskPool } from '../../src/tasks/task-pool.ts';
import { codeOf } from '../support/code-of.ts';
import { fixtureImage, type FixtureLayer, fixtureLayer, packedLayer } from '../support/image-fixture.ts';
import { imageDirectory, modernImage } from '../support/modern-image.ts';
import { seeded } from '../support/random.ts';
import { file, tar } from '../support/tar-fixture.ts';
import { inlinePool, openTestStore, type TestStore } from '../support/test-store.ts';
import { inFile } from '../support/in-file.ts';

/** Over the size from which layers are hashed beside; incompressible, so that it is over it packed as well. */
const noise = seeded(5)
  .bytes(17 * 1024 ** 2)
  .toString('latin1');
const bytes = tar([file('large', noise), file('small', 'after it')]);
const layers: Record<string, FixtureLayer> = {
  none: packedLayer(bytes),
  gzip: packedLayer(bytes, 'gzip'),
  zstd: packedLayer(bytes, 'zstd'),
};

describe('a large layer, with threads to spare', () => {
  let store: TestStore;
  let dir: string;
  let ran: string[];
  /** Called before each task. */
  let before: (task: string) => void;

  beforeEach(async () => {
    dir = imageDirectory();
    ran = [];
    before = () => {};
    store = await openTestStore('overlay2', { pool: spacious() });
  });
  afterEach(async () => {
    await store[Symbol.asyncDispose]();
    await store.pool.close();
    rmSync(dir, { recursive: true });
  });

  /** A pool without threads that says it has some: what runs beside runs after, in the same order each time. */
  const spacious = (): TaskPool => {
    const pool = inlinePool();
    let last: Promise<unknown> = Promise.resolve();
    return {
      threads: 3,
      idle: 3,
      run: (name, input, options) => {
        ran.push(name);
        const turn = last.then(() => {
          before(name);
          return pool.run(name, input, options);
        });
        last = turn.catch(() => {});
        return turn;
      },
      close: () => pool.close(),
    };
  };
  const add = (image: ModernImage) => store.graph.addImage(image, { blobs: 'keep' });
  const imageOf = (layer: FixtureLayer): ModernImage => modernImage(dir, fixtureImage([layer]), { manifest: true });
  const nothingLeft = (): void => {
    const kept = join(store.root, 'blobs/sha256');
    for (const path of [join(store.root, 'graph/_tmp'), join(store.root, 'overlay2/tmp'), kept])
      expect(existsSync(path) ? readdirSync(path) : []).toEqual([]);
    expect(readdirSync(join(store.root, 'graph'))).toEqual(['_tmp']);
  };

  test.each(['none', 'gzip', 'zstd'] as const)('is hashed beside (%s), to the same end', async (compression) => {
    const layer = layers[compression]!;
    const { id } = await add(imageOf(layer));
    expect(ran.slice(0, 2).sort()).toEqual(['layer.apply', 'layer.hash']);
    const info = await store.graph.infoOf(digestHex(layer.diffId));
    expect(info).toMatchObject({ diffId: layer.diffId, tarSize: bytes.length, entries: 2 });
    await using archive = await store.graph.tempLayerArchive(id, 'none');
    expect(archive.digest).toBe(layer.diffId);
    if (compression === 'none') return;
    expect(info?.blob).toMatchObject({ digest: layer.digest, size: layer.stored.length, compression });
    const kept = readFileSync(join(store.root, 'blobs/sha256', digestHex(layer.digest)));
    expect(sha256Digest(kept)).toBe(layer.digest);
  });

  test('a small one is not', async () => {
    await add(imageOf(fixtureLayer({ small: 'x' }, 'gzip')));
    expect(ran).not.toContain('layer.hash');
  });

  test('a packed one is not when no thread is idle', async () => {
    Object.assign(store.pool, { idle: 1 });
    await add(imageOf(layers['gzip']!));
    expect(ran).not.toContain('layer.hash');
  });

  test.each(['none', 'gzip'] as OutputCompression[])(
    'with other bytes than promised is refused (%s)',
    async (compression) => {
      const image = imageOf(layers[compression]!);
      const [layer] = image.layers;
      const other = sha256Digest('other');
      const blob = { ...layer!.blob, digest: other };
      expect(await codeOf(add({ ...image, layers: [{ ...layer!, blob }] }))).toBe('DIGEST_MISMATCH');
      nothingLeft();
      expect(await codeOf(add({ ...image, layers: [{ ...layer!, diffId: other }] }))).toBe('DIFF_ID_MISMATCH');
      nothingLeft();
    },
  );

  test('that is damaged and not what was promised is told to be damaged', async () => {
    const image = imageOf(packedLayer(bytes.subarray(0, -4096)));
    const [layer] = image.layers;
    const other = { ...layer!, diffId: sha256Digest('other') };
    expect(await codeOf(add({ ...image, layers: [other] }))).toBe('TAR_TRUNCATED');
    nothingLeft();
  });

  test('that somebody writes to between the two readings is refused', async () => {
    const image = imageOf(layers['none']!);
    const { path } = inFile(image.layers[0]!.blob);
    before = (task) => {
      if (task !== 'layer.hash') return;
      // The hash is right all the same: other bytes came and went.
      const original = readFileSync(path);
      writeFileSync(path, original);
    };
    expect(await codeOf(store.graph.register({ id: '1'.repeat(64) }, path))).toBe('SOURCE_CHANGED');
    nothingLeft();
    before = (task) => task === 'layer.hash' && appendFileSync(path, Buffer.alloc(512));
    expect(await codeOf(store.graph.register({ id: '1'.repeat(64) }, path))).toBe('SOURCE_CHANGED');
    nothingLeft();
  });

  test('that needs the layers below is begun again, and hashed with its second beginning', async () => {
    const base = fixtureLayer({ 'etc/os': 'base' });
    const opaque = packedLayer(tar([file('.wh..wh..opq', ''), file('large', noise)]));
    const image = fixtureImage([base, opaque]);
    const { id } = await add(modernImage(dir, image));
    expect(ran.filter((task) => task === 'layer.hash')).toHaveLength(2);
    await store.graph.unpack(id, join(dir, 'tree'));
    expect(readdirSync(join(dir, 'tree'))).toEqual(['large']);
  });
});
