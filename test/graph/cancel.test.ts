import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Graph } from '../../src/graph/graph.ts';
import { LOCK_FILE } from '../../src/graph/store-lock.ts';
import { TagStore } from '../../src/graph/tag-store.ts';
import { openSystem } from '../../src/system/select.ts';
import { tryLock } from '../../src/streams/lock-file.ts';
import { codeOf } from '../support/code-of.ts';
import { file, tar } from '../support/tar-fixture.ts';
import { openTestStore, type TestStore } from '../support/test-store.ts';

const system = openSystem();
const BASE = 'a'.repeat(64);
const CHILD = 'b'.repeat(64);

let store: TestStore;
beforeEach(async () => {
  store = await openTestStore('vfs');
  const layer = join(store.root, '..', 'layer.tar');
  writeFileSync(layer, tar([file('x', 'x')]));
  await store.graph.register({ id: BASE }, layer);
  await store.graph.register({ id: CHILD, parent: BASE }, layer);
  await store.tags.set('app', '1', CHILD);
});
afterEach(() => store[Symbol.asyncDispose]());

type Call = (store: TestStore, options: { signal: AbortSignal }) => Promise<unknown>;

const WRITES: [string, Call][] = [
  ['graph.delete', ({ graph }, options) => graph.delete(CHILD, { ...options, force: true })],
  ['graph.removeUnneeded', ({ graph }, options) => graph.removeUnneeded([CHILD], options)],
  ['graph.register', ({ graph }, options) => graph.register({ id: 'c'.repeat(64) }, null, options)],
  ['graph.create', ({ graph }, options) => graph.create(null, { ...options, parent: CHILD })],
  ['tags.set', ({ tags }, options) => tags.set('app', '2', CHILD, false, options)],
  ['tags.delete', ({ tags }, options) => tags.delete('app', '1', options)],
  ['tags.deleteAll', ({ tags }, options) => tags.deleteAll(CHILD, options)],
  ['tags.save', ({ tags }, options) => tags.save(options)],
];

const READS: [string, Call][] = [
  ['Graph.open', ({ root, graph, pool }, options) => Graph.open(root, graph.driver, { ...options, pool, system })],
  ['graph.get', ({ graph }, options) => graph.get(CHILD, options)],
  ['graph.exists', ({ graph }, options) => graph.exists(CHILD, options)],
  ['graph.layersOf', ({ graph }, options) => graph.layersOf(CHILD, options)],
  ['graph.tempLayerArchive', ({ graph }, options) => graph.tempLayerArchive(CHILD, 'none', options)],
  ['tags.lookupImage', ({ tags }, options) => tags.lookupImage('app:1', options)],
  ['TagStore.open', ({ root, graph }, options) => TagStore.open(`${root}/repositories-vfs`, graph, options)],
];

async function images({ graph, tags }: TestStore): Promise<unknown> {
  const ids: string[] = [];
  for await (const [id] of graph.map()) ids.push(id);
  return { ids, names: tags.byId() };
}

describe('a signal', () => {
  it.each([...WRITES, ...READS])('that has aborted stops %s before it begins', async (_name, call) => {
    const before = await images(store);
    expect(await codeOf(call(store, { signal: AbortSignal.abort() }))).toBe('CANCELLED');
    expect(await images(store)).toEqual(before);
  });

  it.each(WRITES)('ends the wait of %s for another process', async (_name, call) => {
    const before = await images(store);
    const held = tryLock(join(store.root, LOCK_FILE), 'exclusive', (fd, mode) => system.lock(fd, mode))!;
    const stop = new AbortController();
    const waiting = codeOf(call(store, { signal: stop.signal }));
    stop.abort();
    expect(await waiting).toBe('CANCELLED');
    held.release();
    expect(await images(store)).toEqual(before);
  });

  it('stops the count of a tree', async () => {
    rmSync(join(store.graph.imageRoot(CHILD), 'layersize'));
    const stop = new AbortController();
    const run = store.pool.run.bind(store.pool);
    vi.spyOn(store.pool, 'run').mockImplementationOnce((...task) => {
      stop.abort();
      return run(...task);
    });
    expect(await codeOf(store.graph.get(CHILD, { signal: stop.signal }))).toBe('CANCELLED');
    expect((await store.graph.get(CHILD)).size).toBe(0);
  });
});

it('a change of tags that is taken back leaves those beside it alone', async () => {
  const held = tryLock(join(store.root, LOCK_FILE), 'exclusive', (fd, mode) => system.lock(fd, mode))!;
  const stop = new AbortController();
  const taken = codeOf(store.tags.delete('app', '1', { signal: stop.signal }));
  const first = store.tags.set('app', '2', CHILD);
  stop.abort();
  const second = store.tags.set('app', '3', CHILD);
  expect(await taken).toBe('CANCELLED');
  held.release();
  await Promise.all([first, second]);
  expect(store.tags.byId().get(CHILD)).toEqual(['app:1', 'app:2', 'app:3']);
});
