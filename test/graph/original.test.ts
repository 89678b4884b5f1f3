import { createHash } from 'node:crypto';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { generateRandomId, truncateId, validateImageId } from '../../src/identity/image-id.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { fixtureImage, fixtureLayer } from '../support/image-fixture.ts';
import { imageDirectory, modernImage } from '../support/modern-image.ts';
import { openTestStore, type TestStore } from '../support/test-store.ts';
import { entry, file, tar } from '../support/tar-fixture.ts';

/** The archive of the graph package's own tests: absolute names, mode 0, times of the epoch. */
const FIXTURE = tar(
  ['/etc/postgres/postgres.conf', '/etc/passwd', '/var/log/postgres/postgres.conf'].map((name) =>
    entry(name, 'Hello world!\n', { mode: 0, mtime: 0, type: '\0' }),
  ),
);

const layer = (): Readable => Readable.from([FIXTURE]);

async function count(graph: Graph): Promise<number> {
  let images = 0;
  for await (const _image of graph.map()) images++;
  return images;
}

/** What the graph package of Docker 0.10 to 1.9 tested of itself, by the names of its tests. */
describe.each(['vfs', 'overlay2'])('on %s', (driver) => {
  let store: TestStore;
  let graph: Graph;
  beforeEach(async () => {
    store = await openTestStore(driver);
    graph = store.graph;
  });
  afterEach(() => store[Symbol.asyncDispose]());

  const create = (): ReturnType<Graph['create']> => graph.create(layer(), { comment: 'Testing' });

  test('TestMount', async () => {
    const image = await create();
    await graph.driver.mount(image.id, null);
    if (driver === 'vfs' || process.geteuid?.() === 0) {
      const dir = await graph.driver.get(image.id);
      expect(existsSync(`${dir}/etc/passwd`)).toBe(true);
      await graph.driver.put(image.id);
    }
  });

  test('TestInit', async () => {
    expect(existsSync(graph.root)).toBe(true);
    expect(await count(graph)).toBe(0);
  });

  test('TestInterruptedRegister', async () => {
    const image = { id: generateRandomId(), comment: 'testing', created: '2014-05-07T12:34:56Z' };
    const broken = new Error("But I'm not a tarball!");
    const bad = new Readable({
      read() {
        this.push(FIXTURE.subarray(0, 1000));
        this.destroy(broken);
      },
    });
    await expect(graph.register(image, bad)).rejects.toBe(broken);
    await expect(graph.get(image.id)).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
    await expect(graph.driver.exists(image.id)).resolves.toBe(false);
    await graph.register(image, layer());
    expect((await graph.get(image.id)).comment).toBe('testing');
  });

  test('TestGraphCreate', async () => {
    const image = await create();
    expect(validateImageId(image.id)).toBe(image.id);
    expect(image).toMatchObject({ comment: 'Testing', dockerVersion: '0.11.1', os: 'linux' });
    expect(await count(graph)).toBe(1);
    expect(await graph.get(image.id)).toEqual(image);
  });

  test('TestRegister', async () => {
    const id = generateRandomId();
    await graph.register({ id, comment: 'testing', created: '2014-05-07T12:34:56Z' }, layer());
    expect(await count(graph)).toBe(1);
    expect(await graph.get(id)).toMatchObject({ id, comment: 'testing', size: 39 });
  });

  test('TestDeletePrefix', async () => {
    const image = await create();
    await graph.delete(truncateId(image.id));
    expect(await count(graph)).toBe(0);
  });

  test('TestDelete', async () => {
    const first = await create();
    expect(await count(graph)).toBe(1);
    await graph.delete(first.id);
    expect(await count(graph)).toBe(0);
    const [second] = [await create(), await create()];
    expect(await count(graph)).toBe(2);
    await graph.delete(second.id);
    expect(await count(graph)).toBe(1);
    await expect(graph.delete('Not_foo')).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
    expect(await count(graph)).toBe(1);
    await graph.register(first, layer());
    expect(await count(graph)).toBe(2);
    await graph.delete(first.id);
    expect(await count(graph)).toBe(1);
  });

  test('TestByParent', async () => {
    const ids = [generateRandomId(), generateRandomId(), generateRandomId()];
    const [parent, ...children] = ids as [string, string, string];
    await graph.register({ id: parent }, layer());
    for (const id of children) await graph.register({ id, parent }, layer());
    const families: [string, string[]][] = [];
    for await (const [id, images] of graph.byParent()) families.push([id, images.map((image) => image.id)]);
    expect(families).toEqual([[parent, [...children].sort()]]);
    const heads: string[] = [];
    for await (const image of graph.heads()) heads.push(image.id);
    expect(heads).toEqual([...children].sort());
  });

  test('TestLayerSize', async () => {
    const [parent, id] = [generateRandomId(), generateRandomId()];
    await graph.register({ id: parent }, Readable.from([tar([file('file', 'Hello world!\n')])]));
    await graph.register({ id, parent }, Readable.from([tar([file('other', 'Hello world!!\n')])]));
    expect(graph.history(id).map(({ size }) => size)).toEqual([14, 13]);
  });

  test('TestEmptyLayer', async () => {
    const id = generateRandomId();
    expect((await graph.register({ id }, null)).size).toBe(0);
    expect(await graph.infoOf(id)).toMatchObject({
      diffId: 'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef',
      tarSize: 1024,
    });
    expect(await buffer((await graph.tempLayerArchive(id)).stream())).toEqual(Buffer.alloc(1024));
  });

  test('TestTarStreamStability: what else comes into the directory is not in the tar', async () => {
    const id = generateRandomId();
    await graph.register({ id }, layer());
    const { dir } = await graph.driver.mount(id, null);
    writeFileSync(`${dir}/etc/extra`, 'not of the layer');
    writeFileSync(`${dir}/extra`, 'not of the layer');
    expect((await buffer((await graph.tempLayerArchive(id)).stream())).equals(FIXTURE)).toBe(true);
  });

  test('TestFSGetSet: the config of an image is kept as it is, under the hash of its bytes', async () => {
    const dir = imageDirectory();
    try {
      const image = fixtureImage([fixtureLayer({ f: 'x' })]);
      const { id } = await graph.addImage(modernImage(dir, image), { blobs: 'keep' });
      expect(id).toBe(createHash('sha256').update(image.config).digest('hex'));
      expect((await graph.configOf(id))?.equals(image.config)).toBe(true);
      expect(await graph.configOf(generateRandomId())).toBeNull();
      const other = { ...modernImage(dir, image), config: Buffer.from('{}') };
      await expect(graph.addImage(other, { blobs: 'keep' })).rejects.toMatchObject({ code: 'IMAGE_ID_TAKEN' });
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
