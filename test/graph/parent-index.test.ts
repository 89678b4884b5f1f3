import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import * as imageStore from '../../src/graph/image-store.ts';
import { openTestStore, type TestStore } from '../support/test-store.ts';

const A = 'a'.repeat(64);
const B = 'b'.repeat(64);
const C = 'c'.repeat(64);
const D = 'd'.repeat(64);

let store: TestStore;
let index: string;
/** Ten seconds after the images came: they are not young any more. */
const later = (): void => void vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 10_000);

beforeEach(async () => {
  store = await openTestStore('vfs');
  index = join(store.root, 'layermill.index');
  await store.graph.register({ id: A }, null);
  await store.graph.register({ id: B, parent: A }, null);
  await store.graph.register({ id: C, parent: A }, null);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await store[Symbol.asyncDispose]();
});

/** The relation as a process sees it that has just opened the store, and whose JSON it read for that. */
async function opened(options: { readOnly?: boolean } = {}): Promise<{ of: Record<string, string[]>; read: string[] }> {
  const read = vi.spyOn(imageStore.ImageStore.prototype, 'parentOf');
  const fresh = await openTestStore('vfs', { root: store.root, ...options });
  fresh.graph.hasChildren(A);
  const reads = read.mock.calls.map(([id]) => id);
  read.mockRestore();
  const of: Record<string, string[]> = {};
  for await (const [parent, children] of fresh.graph.byParent()) of[parent] = children.map(({ id }) => id);
  await fresh[Symbol.asyncDispose]();
  return { of, read: reads };
}

/** An image as Docker would write it: nothing of ours is told. */
function writeAsDocker(id: string, parent: string): void {
  mkdirSync(join(store.root, 'vfs/dir', id));
  mkdirSync(join(store.root, 'graph', id));
  writeFileSync(json(id), `{"id":"${id}","parent":"${parent}"}`);
  writeFileSync(join(store.root, 'graph', id, 'layersize'), '0');
}

const json = (id: string): string => join(store.root, 'graph', id, 'json');

test('a missing index is made, and then no JSON is read for the relation', async () => {
  later();
  expect(existsSync(index)).toBe(false);
  expect(await opened()).toEqual({ of: { [A]: [B, C] }, read: [A, B, C] });
  expect(await opened()).toEqual({ of: { [A]: [B, C] }, read: [] });
  rmSync(index);
  expect((await opened()).read).toEqual([A, B, C]);
});

test('young files are not recorded: they may change again within a tick of the clock', async () => {
  expect((await opened()).read).toEqual([A, B, C]);
  expect((await opened()).read).toEqual([A, B, C]);
  later();
  await opened();
  expect((await opened()).read).toEqual([]);
});

test('what another program adds is read, and what it removes is gone', async () => {
  later();
  await opened();
  writeAsDocker(D, B);
  for (const dir of ['graph', 'vfs/dir']) rmSync(join(store.root, dir, C), { recursive: true });
  expect(await opened()).toEqual({ of: { [A]: [B], [B]: [D] }, read: [D] });
});

test('a JSON that was replaced by rename, of the same size and times, is read', async () => {
  later();
  await opened();
  const { atime, mtime } = statSync(json(C));
  writeFileSync(`${json(C)}.new`, readFileSync(json(C), 'utf8').replace(A, B));
  utimesSync(`${json(C)}.new`, atime, mtime);
  renameSync(`${json(C)}.new`, json(C));
  expect(await opened()).toEqual({ of: { [A]: [B], [B]: [C] }, read: [C] });
});

test('a JSON that was changed in place, of the same size and mtime to the nanosecond, is read', async () => {
  const time = new Date(1_700_000_000_000);
  utimesSync(json(C), time, time);
  later();
  await opened();
  const before = statSync(json(C), { bigint: true });
  writeFileSync(json(C), readFileSync(json(C), 'utf8').replace(A, B));
  utimesSync(json(C), time, time);
  const { ino, size, mtimeNs } = statSync(json(C), { bigint: true });
  expect([ino, size, mtimeNs]).toEqual([before.ino, before.size, before.mtimeNs]);
  expect(await opened()).toEqual({ of: { [A]: [B], [B]: [C] }, read: [C] });
});

test('an image that was replaced as a whole is read', async () => {
  later();
  await opened();
  for (const dir of ['graph', 'vfs/dir']) rmSync(join(store.root, dir, C), { recursive: true });
  writeAsDocker(C, B);
  expect(await opened()).toEqual({ of: { [A]: [B], [B]: [C] }, read: [C] });
});

test('what other files decide is not recorded', async () => {
  writeAsDocker(D, '');
  writeFileSync(json(D), `{"parent_id":"sha256:${A}"}`);
  later();
  await opened();
  expect((await opened()).of).toEqual({ [A]: [B, C, D] });
  writeFileSync(join(store.root, 'graph', D, 'parent'), B);
  expect(await opened()).toEqual({ of: { [A]: [B, C], [B]: [D] }, read: [D] });
});

test.each([
  ['cut off', (): void => writeFileSync(index, readFileSync(index).subarray(0, -1))],
  ['empty', (): void => writeFileSync(index, '')],
  ['longer', (): void => appendFileSync(index, `${D}  1:2:3:4\n`)],
  ['changed', (): void => writeFileSync(index, readFileSync(index, 'latin1').replace(` ${A} `, ` ${D} `))],
  ['of another format', (): void => writeFileSync(index, readFileSync(index, 'latin1').replace('index 1', 'index 2'))],
  [
    'a directory',
    (): void => {
      rmSync(index);
      mkdirSync(index);
    },
  ],
])('an index that is %s is ignored', async (_what, damage) => {
  later();
  await opened();
  damage();
  expect(await opened()).toEqual({ of: { [A]: [B, C] }, read: [A, B, C] });
});

test('two processes at once leave an index that is right', async () => {
  later();
  const both = await Promise.all([
    openTestStore('vfs', { root: store.root }),
    openTestStore('vfs', { root: store.root }),
  ]);
  both.forEach(({ graph }) => graph.hasChildren(A));
  await both[0].graph.register({ id: D, parent: C }, null);
  await Promise.all(both.map((one) => one[Symbol.asyncDispose]()));
  expect(await opened()).toEqual({ of: { [A]: [B, C], [C]: [D] }, read: [D] });
});

test('a store that is open for reading uses it and writes none', async () => {
  later();
  await opened({ readOnly: true });
  expect(existsSync(index)).toBe(false);
  await opened();
  expect((await opened({ readOnly: true })).read).toEqual([]);
});

test('an image that says another parent when it is used is from then on the child of that one', async () => {
  expect(store.graph.hasChildren(B)).toBe(false);
  writeFileSync(json(C), readFileSync(json(C), 'utf8').replace(A, B));
  for await (const _each of store.graph.map()) continue;
  expect(store.graph.hasChildren(B)).toBe(true);
});
