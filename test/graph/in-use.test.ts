import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { profileFor } from '../../src/compression/codecs.ts';
import { digestHex } from '../../src/identity/digest.ts';
import { codeOf } from '../support/code-of.ts';
import { type FixtureImage, fixtureImage, fixtureLayer } from '../support/image-fixture.ts';
import { imageDirectory, layerIds, modernImage } from '../support/modern-image.ts';
import { openTestStore, type TestStore } from '../support/test-store.ts';

const HOLDER = fileURLToPath(new URL('../support/workers/image-holder.ts', import.meta.url));
const keep = { blobs: 'keep' } as const;
const base = fixtureLayer({ 'etc/os': 'base' });
const first = fixtureImage([base, fixtureLayer({ one: '1' })]);
const second = fixtureImage([base, fixtureLayer({ two: '2' })]);
const [baseId, firstTop] = layerIds(first) as [string, string];
const headOf = (image: FixtureImage): string => digestHex(image.configDigest);

/** Two stores on one root see as little of one another as those of two processes do: locks belong to open files. */
describe.each(['vfs', 'overlay2'])('what another process uses on %s', (driver) => {
  let root: string;
  let dir: string;
  let ours: TestStore;
  let other: TestStore;
  beforeEach(async () => {
    root = join(mkdtempSync(join(tmpdir(), 'layermill-in-use-')), 'store');
    dir = imageDirectory();
    ours = await openTestStore(driver, { root });
    await ours.graph.addImage(modernImage(dir, first), keep);
    other = await openTestStore(driver, { root });
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    for (const store of [ours, other]) await store[Symbol.asyncDispose]();
    rmSync(join(root, '..'), { recursive: true });
    rmSync(dir, { recursive: true });
  });

  /** What `work` answers, called once in the middle of the next task of our pool. */
  function duringTask<Value>(work: () => Promise<Value>): Promise<Value> {
    const run = ours.pool.run.bind(ours.pool);
    return new Promise((resolve, reject) => {
      vi.spyOn(ours.pool, 'run').mockImplementationOnce(async (...task) => {
        await work().then(resolve, reject);
        return run(...task);
      });
    });
  }

  const removed = (id: string): Promise<unknown> => codeOf(other.graph.delete(id));

  test.each<[what: string, use: () => Promise<unknown>]>([
    ['taken back', async () => (await ours.graph.tempLayerArchive(firstTop)).close()],
    ['exported', () => ours.graph.exportLayer(firstTop, profileFor({ compression: 'none' }), join(root, '../layer'))],
    ['unpacked', () => ours.graph.unpack(firstTop, join(root, '../tree'))],
  ])('stays while it is %s, and goes when that has ended', async (_what, use) => {
    await other.graph.delete(headOf(first));
    const during = duringTask(() => removed(firstTop));
    await use();
    expect(await during).toBe('IMAGE_IN_USE');
    expect(await other.graph.delete(firstTop)).toBe(firstTop);
  });

  test('stays while an image is built on it: the layers that an import reuses', async () => {
    await other.graph.delete(headOf(first));
    await other.graph.delete(firstTop);
    const during = duringTask(async () => {
      await other.graph.removeUnneeded([baseId]);
      return removed(baseId);
    });
    await ours.graph.addImage(modernImage(dir, second), keep);
    expect(await during).toBe('IMAGE_IN_USE');
    expect(await ours.graph.layersOf(headOf(second))).toHaveLength(2);
  });

  test('stays while it is a parent to be', async () => {
    await other.graph.delete(headOf(first));
    const during = duringTask(() => removed(firstTop));
    await ours.graph.register({ id: 'e'.repeat(64), parent: firstTop }, modernImage(dir, second).layers[1]!.blob);
    expect(await during).toBe('IMAGE_IN_USE');
  });

  test('stays when its layers are committed and its head is not', async () => {
    const { driver: made } = ours.graph;
    const stage = made.stageEmpty.bind(made);
    vi.spyOn(made, 'stageEmpty').mockImplementationOnce(async (...to) => {
      await other.graph.removeUnneeded(layerIds(second));
      return stage(...to);
    });
    const { id } = await ours.graph.addImage(modernImage(dir, second), keep);
    expect(await ours.graph.layersOf(id)).toHaveLength(2);
  });

  test('stays until the import that made it has named it', async () => {
    const release = ours.graph.retain([headOf(second)]);
    await ours.graph.addImage(modernImage(dir, second), keep);
    expect(await removed(headOf(second))).toBe('IMAGE_IN_USE');
    release();
    await other.graph.delete(headOf(second));
  });

  test('stays while a reader that may write nothing reads it', async () => {
    await using reader = await openTestStore(driver, { root, readOnly: true });
    const release = reader.graph.retainPresent(headOf(first));
    expect(await removed(headOf(first))).toBe('IMAGE_IN_USE');
    release();
    await other.graph.delete(headOf(first));
  });

  test('is not begun to be used when it is about to go; an import makes such a layer again', async () => {
    await other.graph.delete(headOf(first));
    const release = other.graph.claim(firstTop);
    expect(await codeOf(ours.graph.tempLayerArchive(firstTop))).toBe('IMAGE_NOT_FOUND');
    const during = duringTask(() => other.graph.delete(firstTop));
    const added = await ours.graph.addImage(modernImage(dir, first), keep);
    expect(await during).toBe(firstTop);
    release();
    expect(added).toMatchObject({ registered: 1, reused: 1 });
    expect(await ours.graph.layersOf(added.id)).toHaveLength(2);
    expect(existsSync(ours.graph.imageRoot(firstTop))).toBe(true);
  });

  test('gets no name once it has been removed', async () => {
    const exclusive = ours.graph.exclusive.bind(ours.graph);
    // After it was looked up, and before the store is locked for its name.
    vi.spyOn(ours.graph, 'exclusive').mockImplementationOnce(async (...work) => {
      await other.graph.delete(headOf(first));
      return exclusive(...work);
    });
    expect(await codeOf(ours.tags.set('app', '1', headOf(first)))).toBe('IMAGE_NOT_FOUND');
    expect(ours.tags.get('app')).toBeNull();
  });
});

test('what a process that died was using can be removed', async () => {
  const root = join(mkdtempSync(join(tmpdir(), 'layermill-in-use-')), 'store');
  const dir = imageDirectory();
  const store = await openTestStore('overlay2', { root });
  let holder: ChildProcess | null = null;
  try {
    const { id } = await store.graph.addImage(modernImage(dir, first), keep);
    holder = spawn(process.execPath, ['--import', 'tsx', HOLDER, root, 'overlay2', id], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(holder.stdout!, 'data');
    expect(await codeOf(store.graph.delete(id))).toBe('IMAGE_IN_USE');
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    expect(await store.graph.delete(id)).toBe(id);
  } finally {
    holder?.kill('SIGKILL');
    await store[Symbol.asyncDispose]();
    rmSync(join(root, '..'), { recursive: true });
    rmSync(dir, { recursive: true });
  }
});
