import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Driver } from '../../src/drivers/driver.ts';
import { Graph } from '../../src/graph/graph.ts';
import { TagStore } from '../../src/graph/tag-store.ts';
import { openSystem } from '../../src/system/select.ts';
import { codeOf } from '../support/code-of.ts';
import { openTestStore, type TestStore } from '../support/test-store.ts';

const ID = 'a'.repeat(64);

/** What a caller without types may give; `never` fits everywhere. */
const wrong = <Value>(value: Value): never => value as never;

describe('what is no argument is refused as such', () => {
  let store: TestStore;
  beforeAll(async () => {
    store = await openTestStore('vfs');
  });
  afterAll(() => store[Symbol.asyncDispose]());

  it.each<[string, (store: TestStore) => Promise<unknown>]>([
    ['no layer', ({ graph }) => graph.register({ id: ID }, wrong(undefined))],
    ['a number as a layer', ({ graph }) => graph.register({ id: ID }, wrong(7))],
    ['an object that is no layer', ({ graph }) => graph.register({ id: ID }, wrong({ file: 'x' }))],
    ['no image', ({ graph }) => graph.register(wrong(undefined), null)],
    ['an image without id', ({ graph }) => graph.register(wrong({}), null)],
    ['create without a layer', ({ graph }) => graph.create(wrong(undefined))],
    ['create on a number', ({ graph }) => graph.create(null, { parent: wrong(7) })],
    ['get without a name', ({ graph }) => graph.get(wrong(undefined))],
    ['delete without a name', ({ graph }) => graph.delete(wrong(null))],
    ['an archive of no image', ({ graph }) => graph.tempLayerArchive(wrong(undefined))],
    [
      'open without a root',
      ({ graph, pool }) => Graph.open(wrong(undefined), graph.driver, { pool, system: openSystem() }),
    ],
    ['open without a driver', ({ root, pool }) => Graph.open(root, wrong(undefined), { pool, system: openSystem() })],
    [
      'open with half a driver',
      ({ root, pool }) =>
        Graph.open(root, { name: 'half', list: async function* list() {} } as unknown as Driver, {
          pool,
          system: openSystem(),
        }),
    ],
    ['tags without a path', ({ graph }) => TagStore.open(wrong(undefined), graph)],
    ['tags without a graph', ({ root }) => TagStore.open(`${root}/tags`, wrong(undefined))],
    ['a tag of no repository', ({ tags }) => tags.set(wrong(undefined), '1', ID)],
    ['a tag that is a number', ({ tags }) => tags.set('app', wrong(1), ID)],
    ['a name of no image', ({ tags }) => tags.set('app', '1', wrong(undefined))],
    ['a look-up of nothing', ({ tags }) => tags.lookupImage(wrong(undefined))],
    ['a repository that is no text', async ({ tags }) => tags.get(wrong({}))],
    ['a removal of no name', ({ tags }) => tags.delete(wrong(undefined))],
    ['a removal of all names of nothing', ({ tags }) => tags.deleteAll(wrong(undefined))],
  ])('%s', async (_what, call) => {
    expect(await codeOf(call(store))).toBe('INVALID_ARGUMENT');
    expect([...store.tags.repositories]).toEqual([]);
  });

  it('a compression that layers are not written with', async () => {
    await using base = await openTestStore('vfs');
    await base.graph.register({ id: ID }, null);
    expect(await codeOf(base.graph.tempLayerArchive(ID, wrong('xz')))).toBe('INVALID_ARGUMENT');
  });
});
