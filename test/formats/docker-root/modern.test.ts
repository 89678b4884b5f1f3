import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listDockerRoot } from '../../../src/formats/docker-root/open.ts';
import { chainIds, digestHex, sha256Digest } from '../../../src/identity/digest.ts';
import type { ModernImage, SourceItem } from '../../../src/image/image-source.ts';
import { isPending } from '../../../src/image/pending-blob.ts';
import { codeOf } from '../../support/code-of.ts';
import { FixtureDockerRoot } from '../../support/docker-root.ts';
import { type FormatLab, openFormatLab, readAll } from '../../support/format-context.ts';
import { type FixtureImage, fixtureImage, packedLayer } from '../../support/image-fixture.ts';
import { treeState } from '../../support/tree-state.ts';
import { dir, file, tar } from '../../support/tar-fixture.ts';

let lab: FormatLab;
let root: FixtureDockerRoot;
let made: number;
const owner = { uid: process.getuid!(), gid: process.getgid!() };
const base = packedLayer(tar([dir('d/', owner), file('d/a', 'alpha', owner), file('gone', 'gone', owner)]));
const change = packedLayer(tar([dir('d/', owner), file('d/b', 'beta', owner), file('.wh.gone', '', owner)]));
const one = fixtureImage([base], { names: ['one:1'] });
const two = fixtureImage([base, change], { names: ['two:1', 'two:latest'] });

beforeEach(() => {
  lab = openFormatLab();
  made = 0;
  root = new FixtureDockerRoot(join(lab.dir, 'root')).add(one);
});
afterEach(() => lab.close());

const read = async (ref = ''): Promise<SourceItem[]> =>
  (await readAll(`docker-root:${root.path}${ref}`, lab.context)).items;

async function layersOf(image: SourceItem): Promise<string[]> {
  const digests: string[] = [];
  for (const { blob } of (image as ModernImage).layers) {
    if (!isPending(blob)) throw new Error('a layer of a data directory is in no file');
    digests.push((await blob.obtain(join(lab.dir, `layer-${made++}`), {})).digest);
  }
  return digests;
}

function addSecond(): void {
  rmSync(root.path, { recursive: true });
  root = new FixtureDockerRoot(root.path).add(two);
}

const layerDb = (image: FixtureImage, index: number): string =>
  `image/vfs/layerdb/sha256/${digestHex(chainIds(image.layers.map(({ diffId }) => diffId))[index]!)}`;
const cacheId = (image: FixtureImage, index: number): string =>
  FixtureDockerRoot.cacheId(chainIds(image.layers.map(({ diffId }) => diffId))[index]!);

describe('a data directory of Docker 1.10 or newer', () => {
  it('gives configs and layers byte for byte, and stays as it is', async () => {
    addSecond();
    const before = treeState(root.path);
    const [image, ...others] = await read();
    expect(others).toEqual([]);
    expect(image).toMatchObject({ kind: 'modern', names: two.names, configDigest: two.configDigest, warnings: [] });
    expect(await layersOf(image!)).toEqual([base.diffId, change.diffId]);
    expect(treeState(root.path)).toEqual(before);
  });

  it.each([':one:1', ':@0', `:${digestHex(one.configDigest).slice(0, 12)}`, `:${one.configDigest}`])(
    'gives the image that %s asks for',
    async (ref) => {
      expect(await read(ref)).toMatchObject([{ configDigest: one.configDigest }]);
    },
  );

  it('says when there is no such image', async () => {
    expect(await codeOf(read(':other'))).toBe('IMAGE_NOT_FOUND');
  });

  it('rebuilds a layer of which no tar-split is left, and says that the id is another one', async () => {
    addSecond();
    rmSync(join(root.path, layerDb(two, 1), 'tar-split.json.gz'));
    const [image] = (await read()) as [ModernImage];
    expect(image.warnings).toEqual([expect.stringContaining(two.configDigest)]);
    expect(image.configDigest).not.toBe(two.configDigest);
    expect(image.configDigest).toBe(sha256Digest(image.config));
    expect(await layersOf(image)).toEqual(image.layers.map(({ diffId }) => diffId));
    expect(image.layers[0]!.diffId).toBe(base.diffId);
  });

  it.each([
    ['cache-id', 'x', 'CHAIN_INVALID'],
    ['diff', change.diffId, 'CHAIN_INVALID'],
    ['cache-id', 'f'.repeat(64), 'LAYER_NOT_FOUND'],
  ])('tells of an image whose %s is %s', async (name, content, code) => {
    root.write(`${layerDb(one, 0)}/${name}`, content);
    expect(await read()).toMatchObject([{ kind: 'broken', ref: 'one:1', error: { code } }]);
  });

  it('tells of a config that is damaged, and gives the other images', async () => {
    root.write(`image/vfs/imagedb/content/sha256/${'0'.repeat(64)}`, '{}');
    const items = await read();
    expect(items.map(({ kind }) => kind)).toEqual(['modern', 'broken']);
    expect(items[1]).toMatchObject({ error: { code: 'DIGEST_MISMATCH' } });
  });

  it('never gives a layer whose files have changed', async () => {
    writeFileSync(join(root.path, 'vfs/dir', cacheId(one, 0), 'd/a'), 'ALPHA');
    const [image] = await read();
    expect(await codeOf(layersOf(image!))).toBe('LAYER_FILE_DAMAGED');
  });

  it('is read with what an upgrade left behind, names going to the newest', async () => {
    const v1 = 'e'.repeat(64);
    root.write(`graph/${v1}/json`, JSON.stringify({ id: v1, created: '2014-05-08T09:10:11Z' }));
    root.write('repositories-vfs', JSON.stringify({ Repositories: { one: { 1: v1, old: v1 } } }));
    root.tree(v1, null, base.tar);
    const { items, warnings } = await readAll(`docker-root:${root.path}`, lab.context);
    expect(items).toMatchObject([
      { kind: 'modern', names: ['one:1'] },
      { kind: 'legacy', names: ['one:old'] },
    ]);
    expect(warnings).toContainEqual(expect.stringContaining('image/vfs and graph'));
    expect(warnings).toContainEqual(expect.stringContaining('one:1 is another image in graph'));
    expect(await read(':one:old')).toMatchObject([{ kind: 'legacy' }]);
  });

  it('gives and lists no image again that an upgrade has migrated', async () => {
    const [moved, other] = ['e'.repeat(64), 'd'.repeat(64)];
    for (const id of [moved, other]) {
      root.write(`graph/${id}/json`, JSON.stringify({ id, created: '2014-05-08T09:10:11Z' }));
      root.tree(id, null, base.tar);
    }
    root.write(
      'repositories-vfs',
      JSON.stringify({ Repositories: { one: { 1: moved, old: moved }, two: { 2: other } } }),
    );
    const record = { [moved]: one.configDigest, [other]: `sha256:${'0'.repeat(64)}`, odd: 1 };
    root.write('.migration-v1-images.json', `${JSON.stringify(record)}\n`);
    const given = [{ names: ['one:1'] }, { names: ['two:2'] }];
    expect(await read()).toMatchObject(given);
    const [modern, graph] = await listDockerRoot(root.path, null, lab.context);
    expect([modern, graph]).toMatchObject([{ images: [{ id: one.configDigest }] }, { images: [{ id: other }] }]);
    expect(graph!.warnings).toContainEqual(expect.stringContaining('1 images in graph are left out'));
    root.write('.migration-v1-images.json', '{');
    const { items, warnings } = await readAll(`docker-root:${root.path}`, lab.context);
    expect(items).toMatchObject([given[0], { names: ['one:old'] }, given[1]]);
    expect(warnings).toContainEqual(expect.stringContaining('.migration-v1-images.json'));
  });

  it('that holds nothing is no such directory', async () => {
    expect(await codeOf(readAll(`docker-root:${lab.tempDir}`, lab.context))).toBe('NOT_AN_IMAGE');
    expect(await codeOf(listDockerRoot(lab.tempDir, null, lab.context))).toBe('NOT_AN_IMAGE');
  });

  it('lists what is in it', async () => {
    const registry = [{ Digest: `sha256:${'1'.repeat(64)}`, SourceRepository: 'docker.io/library/one', HMAC: '' }];
    root.write(
      `image/vfs/distribution/v2metadata-by-diffid/sha256/${digestHex(base.diffId)}`,
      JSON.stringify(registry),
    );
    const [listing] = await listDockerRoot(root.path, null, lab.context);
    expect(listing).toMatchObject({ kind: 'docker', driver: 'vfs', containers: [], warnings: [] });
    expect(listing!.images).toMatchObject([
      {
        id: one.configDigest,
        names: ['one:1'],
        size: base.tar.length,
        damaged: null,
        layers: [
          {
            diffId: base.diffId,
            state: 'exact',
            dir: `vfs/dir/${cacheId(one, 0)}`,
            registry: [{ digest: `sha256:${'1'.repeat(64)}`, repository: 'docker.io/library/one' }],
          },
        ],
      },
    ]);
  });
});

describe('a container of it', () => {
  const id = 'c'.repeat(64);
  const addContainer = (running: boolean): void => {
    root.tree('a'.repeat(64), cacheId(one, 0), tar([file('.dockerenv', '', owner)]));
    root.tree('b'.repeat(64), 'a'.repeat(64), tar([file('made', 'by the container', owner)]));
    root.write(`image/vfs/layerdb/mounts/${id}/mount-id`, 'b'.repeat(64));
    root.write(`image/vfs/layerdb/mounts/${id}/init-id`, 'a'.repeat(64));
    const state = { Running: running, FinishedAt: '2021-02-03T04:05:06.7Z' };
    const config = { Cmd: ['sh', '-c', 'x'], Env: ['A=1'] };
    const container = { ID: id, Name: '/web', Image: one.configDigest, State: state, Config: config };
    root.write(`containers/${id}/config.v2.json`, JSON.stringify(container));
  };

  it('is an image with one layer more, without what Docker puts into every container', async () => {
    addContainer(false);
    const [image] = (await read('#container=web:web:1')) as [ModernImage];
    expect(image).toMatchObject({ kind: 'modern', ref: 'web', names: ['web:1'] });
    expect(JSON.parse(image.config.toString())).toMatchObject({
      created: '2021-02-03T04:05:06.7Z',
      config: { Cmd: ['sh', '-c', 'x'], Env: ['A=1'] },
      history: [{}, { created_by: 'sh -c x' }],
    });
    expect(image.layers.map(({ diffId }) => diffId)[0]).toBe(base.diffId);
    expect(image.layers).toHaveLength(2);
    expect(await layersOf(image)).toEqual(image.layers.map(({ diffId }) => diffId));
    expect(await read(`#container=${id.slice(0, 12)}`)).toMatchObject([
      { configDigest: image.configDigest, names: [] },
    ]);
  });

  it('is refused while it runs', async () => {
    addContainer(true);
    expect(await read('#container=web')).toMatchObject([{ kind: 'broken', error: { code: 'IMAGE_IN_USE' } }]);
    expect(await codeOf(read('#container=other'))).toBe('IMAGE_NOT_FOUND');
  });
});
