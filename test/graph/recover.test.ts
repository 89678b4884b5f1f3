import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { codeOf } from '../support/code-of.ts';
import { file, tar } from '../support/tar-fixture.ts';
import { openTestStore, type TestStore } from '../support/test-store.ts';

const ID = 'a'.repeat(64);
const CONTAINER = 'c'.repeat(64);

/** What `kill -9` can leave, step by step through a commit and a removal; then the store is opened again. */
describe.each(['vfs', 'overlay2'])('on %s', (driver) => {
  let store: TestStore;
  let layer: string;
  beforeEach(async () => {
    store = await openTestStore(driver);
    layer = join(store.root, '..', 'layer.tar');
    writeFileSync(layer, tar([file('x', 'x')]));
    await store.graph.register({ id: ID }, layer);
  });
  afterEach(() => store[Symbol.asyncDispose]());

  const reopened = async (): Promise<TestStore> => {
    const again = await openTestStore(driver, { root: store.root });
    expect(readdirSync(join(store.root, 'graph/_tmp'))).toEqual([]);
    const trees = join(store.root, driver, 'tmp');
    expect(existsSync(trees) ? readdirSync(trees) : []).toEqual([]);
    return again;
  };
  const staging = (): string => join(store.root, 'graph/_tmp/11111111-1111-4111-8111-111111111111');

  test('while the layer was filled: both staging directories go', async () => {
    mkdirSync(staging());
    writeFileSync(`${staging()}.lock`, '');
    writeFileSync(join(staging(), 'record'), 'half');
    const tree = join(store.root, driver, 'tmp/22222222-2222-4222-8222-222222222222');
    mkdirSync(tree, { recursive: true });
    writeFileSync(`${tree}.lock`, '');
    await using again = await reopened();
    expect((await again.graph.get(ID)).id).toBe(ID);
  });

  test('between the tree and the metadata: the tree goes too, and the id can be registered', async () => {
    renameSync(store.graph.imageRoot(ID), staging());
    await using again = await reopened();
    expect(await again.graph.driver.exists(ID)).toBe(false);
    expect(await again.graph.exists(ID)).toBe(false);
    await again.graph.register({ id: ID }, layer);
  });

  test('after the metadata: the image is complete', async () => {
    cpSync(store.graph.imageRoot(ID), staging(), { recursive: true });
    await using again = await reopened();
    expect(await again.graph.driver.exists(ID)).toBe(true);
    await using archive = await again.graph.tempLayerArchive(ID, 'none');
    expect(archive.size).toBe(tar([file('x', 'x')]).length);
  });

  test('in a removal, after the layer: the rest goes', async () => {
    await store.graph.driver.remove(ID);
    expect(existsSync(store.graph.imageRoot(ID))).toBe(true);
    await using again = await reopened();
    expect(await codeOf(again.graph.get(ID))).toBe('IMAGE_NOT_FOUND');
    await again.graph.register({ id: ID }, layer);
  });

  test('while another process writes, the store opens at once, and what is left waits for the next time', async () => {
    mkdirSync(staging());
    writeFileSync(join(staging(), 'record'), 'half');
    await store.graph.exclusive(async () => {
      await using busy = await openTestStore(driver, { root: store.root, lockTimeoutMs: 0 });
      expect((await busy.graph.get(ID)).id).toBe(ID);
      expect(readdirSync(join(store.root, 'graph/_tmp'))).toContain(basename(staging()));
    });
    await using _again = await reopened();
  });

  test('staging that is in use is left alone', async () => {
    const mine = await store.graph.mktemp();
    writeFileSync(join(mine.path, 'json'), `{"id":"${ID}"}`);
    await using again = await openTestStore(driver, { root: store.root });
    expect(existsSync(join(mine.path, 'json'))).toBe(true);
    await mine.remove();
    expect(again.graph.has(ID)).toBe(true);
  });

  test("in a directory that was Docker's, a layer that no image knows is never touched", async () => {
    rmSync(join(store.root, 'layermill.json'));
    renameSync(store.graph.imageRoot(ID), join(store.root, 'graph', CONTAINER));
    rmSync(join(store.root, 'graph', CONTAINER), { recursive: true });
    // What is left looks like a container's file system: the driver has it, the graph does not.
    await using again = await openTestStore(driver, { root: store.root, adopt: true });
    expect(await again.graph.driver.exists(ID)).toBe(true);
    expect(await codeOf(again.graph.register({ id: ID }, layer))).toBe('IMAGE_ID_TAKEN');
    expect(await again.graph.driver.exists(ID)).toBe(true);
  });
});
