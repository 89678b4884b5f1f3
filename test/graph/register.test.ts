import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { sha256Digest } from '../../src/identity/digest.ts';
import { emptyV1Image, encodeImageJson } from '../../src/image/v1-compat.ts';
import { codeOf } from '../support/code-of.ts';
import { listTree } from '../support/layer-lab.ts';
import { dir, file, tar } from '../support/tar-fixture.ts';
import { openTestStore, type TestStore } from '../support/test-store.ts';

const ID = 'a'.repeat(64);
const CHILD = 'b'.repeat(64);
const TAR = tar([dir('etc/'), file('etc/motd', 'hello\n')]);
const OTHER = tar([dir('etc/'), file('etc/motd', 'HELLO\n')]);

describe.each(['vfs', 'overlay2'])('on %s', (driverName) => {
  let store: TestStore;
  let tarPath: string;
  let otherPath: string;
  beforeEach(async () => {
    store = await openTestStore(driverName);
    tarPath = join(store.root, '..', 'layer.tar');
    otherPath = join(store.root, '..', 'other.tar');
    writeFileSync(tarPath, TAR);
    writeFileSync(otherPath, OTHER);
  });
  afterEach(() => store[Symbol.asyncDispose]());

  const layerTree = async (id: string, parent: string | null): Promise<string[]> =>
    listTree((await store.graph.driver.mount(id, parent)).dir);
  const staging = (): string[] => {
    const left = (path: string): string[] => {
      try {
        return readdirSync(join(store.root, path));
      } catch {
        return [];
      }
    };
    return [...left('graph/_tmp'), ...left(`${driverName}/tmp`)];
  };

  test('an image is one directory with the JSON byte for byte, the size, and what only we know', async () => {
    const json = Buffer.from(`{"id":"${ID}", "created":"2014-05-07T12:34:56.7890Z","unknown_field":{"kept":true}}`);
    const image = await store.graph.register({ id: ID }, tarPath, { json });
    expect(image.size).toBe(6);
    expect(readFileSync(join(store.root, 'graph', ID, 'json')).equals(json)).toBe(true);
    expect(readFileSync(join(store.root, 'graph', ID, 'layersize'), 'latin1')).toBe('6');
    expect(await store.graph.infoOf(ID)).toEqual({
      format: 1,
      diffId: sha256Digest(TAR),
      tarSize: TAR.length,
      entries: 2,
    });
    expect(staging()).toEqual([]);
  });

  test.each([
    ['a path', () => tarPath],
    ['a range of a file', () => ({ path: tarPath, offset: 0, length: TAR.length, digest: sha256Digest(TAR) })],
    ['a stream', () => Readable.from([TAR.subarray(0, 700), TAR.subarray(700)])],
    [
      'an iterable',
      () =>
        (async function* () {
          yield new Uint8Array(TAR);
        })(),
    ],
    ['a packed stream', () => Readable.from([gzipSync(TAR)])],
  ])('a layer may be %s', async (_, layer) => {
    await store.graph.register({ id: ID }, layer());
    expect((await store.graph.infoOf(ID))?.diffId).toBe(sha256Digest(TAR));
    expect((await layerTree(ID, null)).join('\n')).toContain('etc/motd');
  });

  test('an image without a layer has the tree of its parent and the size 0', async () => {
    await store.graph.register({ id: ID }, tarPath);
    const image = await store.graph.register({ id: CHILD, parent: ID }, null);
    expect(image.size).toBe(0);
    expect((await store.graph.infoOf(CHILD))?.diffId).toBe(sha256Digest(Buffer.alloc(1024)));
  });

  test('the same image again is no error, and nothing is done twice', async () => {
    await store.graph.register({ id: ID, comment: 'x' }, tarPath);
    const run = vi.spyOn(store.pool, 'run');
    const again = await store.graph.registerOnce({ id: ID, comment: 'x' }, tarPath);
    expect(again).toMatchObject({ reused: true, image: { id: ID, comment: 'x', size: 6 } });
    expect(run.mock.calls.map(([name]) => name)).toEqual(['layer.digest']);
    expect(staging()).toEqual([]);
  });

  test.each([
    ['another layer', { comment: 'x' }, () => otherPath],
    ['another JSON', { comment: 'y' }, () => tarPath],
    ['another parent', { comment: 'x', parent: CHILD }, () => tarPath],
  ])('an id in use is never given to %s, and the image that has it stays whole', async (_, fields, layer) => {
    await store.graph.register({ id: CHILD }, null);
    await store.graph.register({ id: ID, comment: 'x' }, tarPath);
    const before = await layerTree(ID, null);
    expect(await codeOf(store.graph.register({ id: ID, ...fields }, layer()))).toBe('IMAGE_ID_TAKEN');
    expect(await layerTree(ID, null)).toEqual(before);
    expect((await store.graph.get(ID)).comment).toBe('x');
    await using archive = await store.graph.tempLayerArchive(ID, 'none');
    expect(archive.diffId).toBe(sha256Digest(TAR));
  });

  test('raw JSON that differs in one byte is another image', async () => {
    const json = Buffer.from(`{"id":"${ID}"}`);
    await store.graph.register({ id: ID }, tarPath, { json });
    await store.graph.register({ id: ID }, tarPath, { json });
    expect(await codeOf(store.graph.register({ id: ID }, tarPath, { json: Buffer.from(`{"id": "${ID}"}`) }))).toBe(
      'IMAGE_ID_TAKEN',
    );
  });

  test('fifty registrations of one id do the work once, and all succeed', async () => {
    const run = vi.spyOn(store.pool, 'run');
    const all = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        store.graph.registerOnce({ id: ID }, index % 2 ? tarPath : Readable.from([TAR])),
      ),
    );
    expect(all.filter(({ reused }) => !reused)).toHaveLength(1);
    expect(run.mock.calls.filter(([name]) => name === 'layer.apply')).toHaveLength(1);
    expect(staging()).toEqual([]);
  });

  test.each(['', 'foo', '../../etc', '_tmp', 'A'.repeat(64), `${ID}\n`, `${ID}a`])(
    'the id %j reaches neither driver nor disk',
    async (id) => {
      const touched = vi.fn();
      for (const method of ['stage', 'stageEmpty', 'remove', 'exists', 'mount'] as const) {
        vi.spyOn(store.graph.driver, method).mockImplementation(touched);
      }
      const before = readdirSync(join(store.root, 'graph'));
      expect(await codeOf(store.graph.register({ id }, tarPath))).toBe('INVALID_ID');
      expect(await codeOf(store.graph.register({ id: ID, parent: id || 'x' }, tarPath))).toBe('INVALID_ID');
      const json = Buffer.from(JSON.stringify({ id }));
      expect(await codeOf(store.graph.register({ id: ID }, tarPath, { json }))).toBe('INVALID_ID');
      expect(touched).not.toHaveBeenCalled();
      expect(readdirSync(join(store.root, 'graph'))).toEqual(before);
      vi.restoreAllMocks();
    },
  );

  test.each(['', 'foo', '../foo', '_tmp', `sha256:${ID}`])('what is asked of the id %j reads no file', async (id) => {
    for (const name of ['json', 'config', 'manifest', 'layer.json']) writeFileSync(join(store.root, name), '{}');
    const { graph } = store;
    const asked = [graph.rawJson(id), graph.configOf(id), graph.manifestOf(id), graph.infoOf(id)];
    expect(await Promise.all(asked.map(codeOf))).toEqual(Array(4).fill('INVALID_ID'));
  });

  test('a missing parent, a self-parent and a JSON of another image are errors before any work', async () => {
    const run = vi.spyOn(store.pool, 'run');
    const stream = new PassThrough();
    expect(await codeOf(store.graph.register({ id: ID, parent: CHILD }, stream))).toBe('PARENT_NOT_FOUND');
    expect(stream.destroyed).toBe(true);
    expect(await codeOf(store.graph.register({ id: ID, parent: ID }, tarPath))).toBe('PARENT_IS_SELF');
    const json = Buffer.from(`{"id":"${CHILD}"}`);
    expect(await codeOf(store.graph.register({ id: ID }, tarPath, { json }))).toBe('CHAIN_INVALID');
    expect(await codeOf(store.graph.register({ id: ID }, join(store.root, 'nothing')))).toBe('FILE_NOT_FOUND');
    expect(run).not.toHaveBeenCalled();
    expect(staging()).toEqual([]);
  });

  test('fields that are no image are refused, also from JavaScript', async () => {
    for (const fields of [{ created: 'yesterday' }, { size: 1.5 }, { comment: 5 }] as object[]) {
      expect(await codeOf(store.graph.register({ id: ID, ...fields }, tarPath))).toBe('JSON_INVALID');
    }
  });

  test('a failed registration removes what it made, and only that', async () => {
    await store.graph.register({ id: ID }, tarPath);
    const cut = join(store.root, '..', 'cut.tar');
    writeFileSync(cut, TAR.subarray(0, 600));
    expect(await codeOf(store.graph.register({ id: CHILD, parent: ID }, cut))).toBe('TAR_TRUNCATED');
    expect(await store.graph.driver.exists(CHILD)).toBe(false);
    expect(await store.graph.driver.exists(ID)).toBe(true);
    expect(readdirSync(join(store.root, 'graph')).sort()).toEqual(['_tmp', ID]);
    expect(staging()).toEqual([]);
  });

  test('a cancelled registration leaves nothing, whatever it was waiting for', async () => {
    const stop = new AbortController();
    const silent = new PassThrough();
    const waiting = store.graph.register({ id: ID }, silent, { signal: stop.signal });
    const second = store.graph.register({ id: ID }, tarPath, { signal: stop.signal });
    stop.abort();
    expect(await Promise.all([codeOf(waiting), codeOf(second)])).toEqual(['CANCELLED', 'CANCELLED']);
    expect(silent.destroyed).toBe(true);
    expect(staging()).toEqual([]);
    await store.graph.register({ id: ID }, tarPath);
  });

  test('a parent cannot be removed while an image is built on it', async () => {
    await store.graph.register({ id: ID }, tarPath);
    const stream = new PassThrough();
    const registering = store.graph.register({ id: CHILD, parent: ID }, stream);
    expect(await codeOf(store.graph.delete(ID))).toBe('IMAGE_IN_USE');
    stream.end(TAR);
    await registering;
    expect(await codeOf(store.graph.delete(ID))).toBe('IMAGE_HAS_CHILDREN');
  });

  test.each([
    ['no JSON', (root: string) => rmSync(join(root, 'json'))],
    ['a broken JSON', (root: string) => writeFileSync(join(root, 'json'), '{')],
    ['the JSON of another image', (root: string) => writeFileSync(join(root, 'json'), `{"id":"${CHILD}"}`)],
    ['a broken size', (root: string) => writeFileSync(join(root, 'layersize'), '6\n')],
  ])('registering repairs an image with %s', async (_, damage) => {
    await store.graph.register({ id: ID }, otherPath);
    damage(store.graph.imageRoot(ID));
    expect(await store.graph.exists(ID)).toBe(false);
    await store.graph.register({ id: ID }, tarPath);
    expect((await store.graph.infoOf(ID))?.diffId).toBe(sha256Digest(TAR));
    expect((await store.graph.get(ID)).size).toBe(6);
  });

  test("metadata of another driver's image gives way", async () => {
    mkdirSync(join(store.root, 'graph', ID));
    writeFileSync(join(store.root, 'graph', ID, 'json'), encodeImageJson(emptyV1Image(ID)));
    expect(await codeOf(store.graph.get(ID))).toBe('IMAGE_NOT_FOUND');
    await store.graph.register({ id: ID, comment: 'ours' }, tarPath);
    expect((await store.graph.get(ID)).comment).toBe('ours');
  });
});
