import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ImageStore } from '../../src/graph/image-store.ts';
import { codeOf } from '../support/code-of.ts';
import { file, tar } from '../support/tar-fixture.ts';
import { openTestStore, type TestStore } from '../support/test-store.ts';

const BASE = 'a'.repeat(64);
const CHILD = 'b'.repeat(64);
const BROKEN = 'c'.repeat(64);

let store: TestStore;
beforeEach(async () => {
  store = await openTestStore('overlay2');
  const layer = join(store.root, '..', 'layer.tar');
  writeFileSync(layer, tar([file('x', 'x')]));
  await store.graph.register({ id: BASE }, layer);
  await store.graph.register({ id: CHILD, parent: BASE }, layer);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await store[Symbol.asyncDispose]();
});

const staged = (): string[] => [
  ...readdirSync(join(store.root, 'graph/_tmp')),
  ...readdirSync(join(store.root, 'overlay2/tmp')),
];

test('a parent is refused whatever is asked, its child goes first', async () => {
  expect(await codeOf(store.graph.delete(BASE))).toBe('IMAGE_HAS_CHILDREN');
  expect(await codeOf(store.graph.delete(BASE, { force: true }))).toBe('IMAGE_HAS_CHILDREN');
  expect(await store.graph.delete(CHILD)).toBe(CHILD);
  expect(store.graph.hasChildren(BASE)).toBe(false);
  expect(await store.graph.delete(BASE.slice(0, 12))).toBe(BASE);
  expect(readdirSync(store.graph.root)).toEqual(['_tmp']);
  expect(staged()).toEqual([]);
});

test('an image with names goes only by force', async () => {
  await store.tags.set('app', '1', CHILD);
  expect(await codeOf(store.graph.delete(CHILD))).toBe('IMAGE_HAS_NAMES');
  expect(await store.graph.delete(CHILD, { force: true })).toBe(CHILD);
});

test('an image that is being read stays, and can be removed when that has ended', async () => {
  const release = store.graph.retain([CHILD]);
  expect(await codeOf(store.graph.delete(CHILD))).toBe('IMAGE_IN_USE');
  release();
  release();
  await store.graph.delete(CHILD);
  expect(await codeOf(store.graph.delete(CHILD))).toBe('IMAGE_NOT_FOUND');
});

test('an export that runs is not disturbed by a removal', async () => {
  const { pool, graph } = store;
  const run = pool.run.bind(pool);
  const removal = vi.fn<() => Promise<unknown>>(() => codeOf(graph.delete(CHILD)));
  vi.spyOn(pool, 'run').mockImplementationOnce(async (...task) => {
    expect(await removal()).toBe('IMAGE_IN_USE');
    return run(...task);
  });
  await using archive = await graph.tempLayerArchive(CHILD, 'gzip');
  expect(removal).toHaveBeenCalledOnce();
  await store.graph.delete(CHILD);
  expect(existsSync(archive.path)).toBe(true);
});

test('a broken image can be removed by its whole id', async () => {
  await store.graph.register({ id: BROKEN, parent: BASE }, null);
  writeFileSync(join(store.graph.imageRoot(BROKEN), 'json'), '{');
  expect(await codeOf(store.graph.get(BROKEN))).toBe('JSON_INVALID');
  expect(await store.graph.delete(BROKEN)).toBe(BROKEN);
  expect(await store.graph.driver.exists(BROKEN)).toBe(false);
});

test('so can one of which nobody can tell any more what blobs it has', async () => {
  await store.graph.register({ id: BROKEN, parent: BASE }, null);
  writeFileSync(join(store.graph.imageRoot(BROKEN), 'layer.json'), '{');
  expect(await store.graph.delete(BROKEN)).toBe(BROKEN);
  expect(await store.graph.driver.exists(BROKEN)).toBe(false);
});

test('when the metadata cannot be taken away, nothing is: the image is as it was', async () => {
  vi.spyOn(store.graph.driver, 'remove');
  // A directory that is a mount point, or immutable, cannot be renamed; a missing one stands for it here.
  rmSync(store.graph.imageRoot(CHILD), { recursive: true });
  expect(await codeOf(store.graph.delete(CHILD))).toBe('IMAGE_NOT_FOUND');
  expect(store.graph.driver.remove).not.toHaveBeenCalled();
  expect(staged()).toEqual([]);
});

test('an image whose directory cannot be renamed is still found, and can be removed later', async () => {
  vi.spyOn(ImageStore.prototype, 'takeAway').mockRejectedValueOnce(new Error('busy'));
  await expect(store.graph.delete(CHILD)).rejects.toThrow('busy');
  // Asked at once: nothing has changed on the disk that would make the graph look again.
  expect(store.graph.has(CHILD)).toBe(true);
  expect(store.graph.hasChildren(BASE)).toBe(true);
  expect(await store.graph.delete(CHILD)).toBe(CHILD);
});

test('when the driver fails, the image is gone and its layer is swept when the store is opened', async () => {
  vi.spyOn(store.graph.driver, 'remove').mockRejectedValueOnce(new Error('busy'));
  await expect(store.graph.delete(CHILD)).rejects.toThrow('busy');
  expect(await store.graph.exists(CHILD)).toBe(false);
  expect(store.graph.hasChildren(BASE)).toBe(false);
});

test('of images that nothing needs the top goes first; those that something needs stay', async () => {
  await store.graph.register({ id: BROKEN, parent: BASE }, null);
  await store.graph.removeUnneeded([BASE, CHILD]);
  expect(readdirSync(store.graph.root).sort()).toEqual(['_tmp', BASE, BROKEN].sort());
  const release = store.graph.retain([BROKEN]);
  await store.graph.removeUnneeded([BASE, BROKEN]);
  expect(store.graph.has(BROKEN)).toBe(true);
  release();
  await store.graph.removeUnneeded([BASE, BROKEN, 'd'.repeat(64)]);
  expect(readdirSync(store.graph.root)).toEqual(['_tmp']);
});
