import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import * as imageStore from '../../src/graph/image-store.ts';
import { generateRandomId } from '../../src/identity/image-id.ts';
import { codeOf } from '../support/code-of.ts';
import { openTestStore, type TestStore } from '../support/test-store.ts';

const A = 'a'.repeat(64);
const B = 'b'.repeat(64);

let store: TestStore;
let other: TestStore;
let broken: string[];
beforeEach(async () => {
  broken = [];
  store = await openTestStore('vfs', { onBroken: ({ id }) => broken.push(id) });
  // Another process would see the same: it shares nothing with the first but the directory.
  other = await openTestStore('vfs', { root: store.root });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await other[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

const headsOf = async ({ graph }: TestStore): Promise<string[]> => {
  const heads: string[] = [];
  for await (const { id } of graph.heads()) heads.push(id);
  return heads;
};

test('what another process adds and removes is seen by look-ups, heads and children', async () => {
  expect(await headsOf(store)).toEqual([]);
  await other.graph.register({ id: A }, null);
  expect((await store.graph.get('aa')).id).toBe(A);
  expect(await headsOf(store)).toEqual([A]);
  await other.graph.register({ id: B, parent: A }, null);
  expect(await headsOf(store)).toEqual([B]);
  expect(store.graph.hasChildren(A)).toBe(true);
  expect(await codeOf(store.graph.delete(A))).toBe('IMAGE_HAS_CHILDREN');
  await other.graph.delete(B);
  expect(await headsOf(store)).toEqual([A]);
  await store.graph.delete(A);
  expect(await codeOf(other.graph.get(A))).toBe('IMAGE_NOT_FOUND');
});

test('a change within one tick of the clock is seen: changes are counted, not only timed', async () => {
  const graph = join(store.root, 'graph');
  const time = new Date(1_700_000_000_000);
  for (let round = 0; round < 20; round++) {
    const id = generateRandomId();
    await other.graph.register({ id }, null);
    utimesSync(graph, time, time);
    expect(await store.graph.exists(id)).toBe(true);
    await other.graph.delete(id);
    utimesSync(graph, time, time);
    expect(await store.graph.exists(id)).toBe(false);
  }
});

test('the same id registered by two processes at once is registered once, and both succeed', async () => {
  const outcomes = await Promise.all(
    [store, other, store, other].map(({ graph }) => graph.registerOnce({ id: A, comment: 'x' }, null)),
  );
  expect(outcomes.filter(({ reused }) => !reused)).toHaveLength(1);
  const differing = await Promise.all([
    codeOf(store.graph.register({ id: B, comment: 'one' }, null)),
    codeOf(other.graph.register({ id: B, comment: 'two' }, null)),
  ]);
  expect(new Set(differing)).toEqual(new Set(['IMAGE_ID_TAKEN', 'no error']));
});

test('a parent cannot be removed by another process while an image is built on it', async () => {
  await store.graph.register({ id: A }, null);
  const run = vi.spyOn(store.pool, 'run');
  let removed: unknown;
  run.mockImplementationOnce(async (...args) => {
    run.mockRestore();
    removed = await codeOf(other.graph.delete(A));
    return store.pool.run(...args);
  });
  await store.graph.register({ id: B, parent: A }, null);
  expect(removed).toBe('IMAGE_IN_USE');
  expect(store.graph.history(B).map(({ id }) => id)).toEqual([B, A]);
});

test('images that cannot be used are reported once, left out, and are no obstacle', async () => {
  await store.graph.register({ id: A }, null);
  await store.graph.register({ id: B, parent: A }, null);
  writeFileSync(join(store.graph.imageRoot(A), 'json'), '{');
  const fresh = await openTestStore('vfs', { root: store.root, onBroken: ({ id }) => broken.push(id) });
  expect(await headsOf(fresh)).toEqual([B]);
  expect(await headsOf(fresh)).toEqual([B]);
  expect(broken).toEqual([A]);
  expect(await codeOf(fresh.graph.get(A))).toBe('JSON_INVALID');
  expect(await fresh.graph.exists(A)).toBe(false);
  expect(() => fresh.graph.history(B)).toThrow(expect.objectContaining({ code: 'CHAIN_INVALID' }));
  await fresh[Symbol.asyncDispose]();
});

test('names that are no ids, files, and images without a layer here are no images', async () => {
  const graph = join(store.root, 'graph');
  mkdirSync(join(graph, 'd35d'));
  mkdirSync(join(graph, `${A}-removing`));
  mkdirSync(join(graph, B));
  writeFileSync(join(graph, B, 'json'), `{"id":"${B}"}`);
  writeFileSync(join(graph, 'c'.repeat(64)), '');
  expect(await headsOf(store)).toEqual([]);
  expect(await codeOf(store.graph.get('d35d'))).toBe('IMAGE_NOT_FOUND');
  rmSync(join(graph, 'c'.repeat(64)));
});

test('a name that an id begins with is not that image once more', async () => {
  await store.graph.register({ id: A }, null);
  await store.graph.register({ id: B, parent: A }, null);
  mkdirSync(join(store.root, 'graph/aaaa'));
  writeFileSync(join(store.root, 'graph/b'), '');
  const ids: string[] = [];
  for await (const [id] of store.graph.map()) ids.push(id);
  expect(ids).toEqual([A, B]);
  const families: [string, string[]][] = [];
  for await (const [id, children] of store.graph.byParent()) families.push([id, children.map((child) => child.id)]);
  expect(families).toEqual([[A, [B]]]);
  expect(await headsOf(store)).toEqual([B]);
});

test('who has children is learned once; after that heads are the only images that are read for heads', async () => {
  await store.graph.register({ id: A }, null);
  await store.graph.register({ id: B, parent: A }, null);
  const parentOf = vi.spyOn(imageStore.ImageStore.prototype, 'parentOf');
  const load = vi.spyOn(imageStore.ImageStore.prototype, 'load');
  const fresh = await openTestStore('vfs', { root: store.root });
  expect(await headsOf(fresh)).toEqual([B]);
  expect(await headsOf(fresh)).toEqual([B]);
  expect(fresh.graph.hasChildren(A)).toBe(true);
  expect(parentOf).toHaveBeenCalledTimes(2);
  expect(load.mock.calls).toEqual([[B], [B]]);
  await fresh[Symbol.asyncDispose]();
});

test('that an image does not exist is told by the code of the error, whatever its words are', async () => {
  const { graph } = store;
  const failure = async (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);
  expect(graph.isNotExist(await failure(graph.get(A)))).toBe(true);
  expect(graph.isNotExist(await failure(graph.delete('a')))).toBe(true);
  expect(graph.isNotExist(await failure(graph.get('')))).toBe(false);
  expect(graph.isNotExist(new Error('No such image: it does not exist'))).toBe(false);
  expect(graph.isNotExist(Object.assign(new Error('no such file or directory'), { code: 'ENOENT' }))).toBe(false);
  expect(graph.isNotExist(undefined)).toBe(false);
});

test('looking one image up reads no other one', async () => {
  for (let i = 0; i < 5; i++) await store.graph.register({ id: generateRandomId() }, null);
  await store.graph.register({ id: A }, null);
  const load = vi.spyOn(imageStore.ImageStore.prototype, 'load');
  const fresh = await openTestStore('vfs', { root: store.root });
  expect((await fresh.graph.get(A)).id).toBe(A);
  expect(load.mock.calls).toEqual([[A]]);
  await fresh[Symbol.asyncDispose]();
});

test('a chain that bites its tail ends', async () => {
  await store.graph.register({ id: A }, null);
  await store.graph.register({ id: B, parent: A }, null);
  writeFileSync(join(store.graph.imageRoot(A), 'json'), `{"id":"${A}","parent":"${B}"}`);
  expect(() => store.graph.history(B)).toThrow(expect.objectContaining({ code: 'CHAIN_INVALID' }));
  expect(await codeOf(store.graph.layersOf(B))).toBe('CHAIN_INVALID');
});
