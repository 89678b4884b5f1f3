import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openV1Root } from '../../../src/formats/docker-root/v1/open.ts';
import type { LegacyImage, SourceItem } from '../../../src/image/image-source.ts';
import { isPending } from '../../../src/image/pending-blob.ts';
import { codeOf } from '../../support/code-of.ts';
import { type FormatLab, openFormatLab } from '../../support/format-context.ts';
import { v1Id } from '../../support/image-fixture.ts';
import { openJobLab } from '../../support/job-lab.ts';
import { contents } from '../../support/layer-lab.ts';
import { OverlayMarks } from '../../support/overlay-tree.ts';
import { readTar } from '../../support/read-tar.ts';
import { treeState } from '../../support/tree-state.ts';
import { type V1DriverName, type V1ImageSpec, V1RootWriter } from '../../support/v1-root.ts';

const [BASE, CHILD, OTHER] = [v1Id('a'), v1Id('b'), v1Id('c')];
const CONTAINER = v1Id('e');
const base: V1ImageSpec = {
  id: BASE,
  files: { 'etc/a': 'one', 'etc/b': 'two', 'etc/c': '= etc/b', keep: 'kept', 'dir/x': 'x', link: '-> keep' },
};
const child: V1ImageSpec = {
  id: CHILD,
  parent: BASE,
  files: { 'etc/a': 'changed', 'new/n': 'new', empty: null },
  removed: ['etc/b', 'dir', 'link'],
};
const CHILD_NAMES = ['.wh.dir', '.wh.link', 'empty/', 'etc/', 'etc/.wh.b', 'etc/a', 'new/', 'new/n'];
const DRIVERS: V1DriverName[] = ['vfs', 'btrfs', 'aufs', 'overlay', 'oldest'];

let lab: FormatLab;
let root: string;
let untouched: (() => void) | null;
beforeEach(() => {
  lab = openFormatLab();
  root = join(lab.dir, 'root');
  untouched = null;
});
afterEach(async () => {
  untouched?.();
  await lab.close();
});

/** From here on nothing may change in the data directory. */
function freeze(): void {
  const before = treeState(root);
  untouched = () => expect(treeState(root)).toEqual(before);
}

async function read(ref: string | null = null, container: string | null = null): Promise<SourceItem[]> {
  if (untouched === null) freeze();
  const items: SourceItem[] = [];
  for await (const item of (await openV1Root(root, ref, { container }, lab.context)).images()) items.push(item);
  return items;
}

async function readOne(ref: string | null = null, container: string | null = null): Promise<LegacyImage> {
  const [item, ...more] = await read(ref, container);
  expect(more).toEqual([]);
  if (item?.kind !== 'legacy') throw item?.kind === 'broken' ? item.error : new Error('no v1 image');
  return item;
}

let obtained = 0;
async function obtain(image: LegacyImage, index = -1): Promise<{ digest: string; tar: Buffer; warnings: string[] }> {
  const { layer } = image.chain.at(index)!;
  if (!isPending(layer)) throw new Error('a layer of a data directory is in no file');
  const warnings: string[] = [];
  const to = join(lab.tempDir, `layer-${obtained++}`);
  const { digest } = await layer.obtain(to, { onWarning: ({ message }) => warnings.push(message) });
  return { digest, tar: readFileSync(to), warnings };
}

const namesIn = (tar: Buffer): string[] =>
  readTar(tar)
    .map(({ name }) => name)
    .sort();

describe.each(DRIVERS)('docker-root of 1.9 and older: %s', (driver) => {
  let writer: V1RootWriter;
  beforeEach(() => {
    writer = new V1RootWriter(root, driver).tags({ 'a/b': { one: CHILD } });
  });

  test('layers are what each image changed', async () => {
    writer.image(base);
    writer.image(child);
    const image = await readOne();
    expect(image).toMatchObject({ ref: 'a/b:one', names: ['a/b:one'], warnings: [] });
    expect(image.chain.map(({ id, parent }) => [id, parent])).toEqual([
      [BASE, null],
      [CHILD, BASE],
    ]);
    const { tar, warnings } = await obtain(image);
    expect(namesIn(tar)).toEqual(CHILD_NAMES);
    expect(
      readTar(tar)
        .filter(({ name }) => name.includes('.wh.'))
        .every(({ type }) => type === 'file'),
    ).toBe(true);
    expect(warnings).toEqual([]);
  });

  test('imported, the tree is the one that it was', async () => {
    writer.image(base);
    writer.image(child);
    freeze();
    await using jobs = await openJobLab({ driver: 'vfs' });
    const [result] = await jobs.import(await openV1Root(root, null, { container: null }, jobs.formats.context));
    expect(result).toMatchObject({ error: null, id: CHILD, layers: 2, names: ['a/b:one'] });
    expect(contents(join(jobs.store.root, 'vfs/dir', CHILD))).toEqual({
      'etc/': '',
      'etc/a': 'changed',
      'etc/c': 'two',
      keep: 'kept',
      'new/': '',
      'new/n': 'new',
      'empty/': '',
    });
    expect(await jobs.leftovers()).toEqual([]);
  });

  test('what 1.8 kept of a tar gives its very bytes', async () => {
    const plain = { ...base, files: { ...base.files, 'etc/c': 'two' } };
    const diffIds = [writer.image({ ...plain, split: true }), writer.image({ ...child, split: true })];
    const image = await readOne();
    for (const [index, diffId] of diffIds.entries()) {
      const { digest, warnings } = await obtain(image, index);
      expect(digest).toBe(diffId);
      expect(warnings).toEqual([]);
    }
  });

  test('a changed file, a broken record, and the record of another layer: rebuilt, and said', async () => {
    writer.image(base);
    const diffId = writer.image({ ...child, split: true });
    const record = writer.at('graph', CHILD, 'tar-data.json.gz');
    const whole = readFileSync(record);
    const other = new V1RootWriter(join(lab.dir, 'other'), 'vfs');
    other.image({ id: OTHER, files: { 'not/here': 'x' }, split: true });
    const damages = [
      () => writeFileSync(record, whole.subarray(0, whole.length / 2)),
      () => writeFileSync(record, 'no gzip'),
      () => writeFileSync(record, readFileSync(other.at('graph', OTHER, 'tar-data.json.gz'))),
      () => {
        writeFileSync(record, whole);
        writeFileSync(join(writer.place(CHILD), 'new/n'), 'NEW');
      },
    ];
    for (const damage of damages) {
      damage();
      freeze();
      const { tar, digest, warnings } = await obtain(await readOne());
      expect(namesIn(tar)).toEqual(CHILD_NAMES);
      expect(digest).not.toBe(diffId);
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toContain(CHILD);
    }
    await using jobs = await openJobLab({ driver: 'vfs' });
    const source = await openV1Root(root, null, { container: null }, jobs.formats.context);
    expect((await jobs.import(source))[0]).toMatchObject({ error: null, id: CHILD });
    expect(jobs.warnings).toEqual([expect.stringContaining(`layer ${CHILD} is rebuilt`)]);
  });

  test('a container as an image', async () => {
    writer.image(base);
    writer.image(child);
    const init = { '.dockerinit': '', 'dev/console': '', 'etc/hosts': '' };
    const changed = { files: { 'etc/a': 'again', made: 'inside' }, removed: ['keep'] };
    writer.containerLayers(CONTAINER, CHILD, init, changed);
    const config = { Cmd: ['/bin/sh'], Env: ['A=<b>'], Labels: { a: 'b' } };
    writer.container(CONTAINER, {
      Name: '/web',
      Image: CHILD,
      Config: config,
      Created: '2015-02-03T04:05:06.7Z',
      State: { Running: false, FinishedAt: '2015-02-03T05:00:00Z' },
    });
    const image = await readOne(null, 'web');
    expect(namesIn((await obtain(image)).tar)).toEqual(['.wh.keep', 'etc/', 'etc/a', 'made']);
    const { id, parent, json } = image.chain.at(-1)!;
    expect(parent).toBe(CHILD);
    expect(JSON.parse(json.toString())).toEqual({
      id,
      parent: CHILD,
      created: '2015-02-03T05:00:00Z',
      container: CONTAINER,
      container_config: config,
      config,
      os: 'linux',
      architecture: 'amd64',
      Size: 0,
    });
    expect((await readOne(null, CONTAINER.slice(0, 12))).chain.at(-1)).toMatchObject({ id });
    expect(image.warnings).toEqual([]);
    expect(await codeOf(readOne(null, 'db'))).toBe('CONTAINER_NOT_FOUND');
    await using jobs = await openJobLab({ driver: 'vfs' });
    const source = await openV1Root(root, null, { container: '/web' }, jobs.formats.context);
    expect((await jobs.import(source))[0]).toMatchObject({ error: null, id, layers: 3 });
    if (driver === 'aufs' || driver === 'oldest') return;
    rmSync(writer.place(`${CONTAINER}-init`), { recursive: true });
    freeze();
    const withInit = await readOne(null, 'web');
    expect(namesIn((await obtain(withInit)).tar)).toContain('.dockerinit');
    expect(withInit.warnings).toEqual([expect.stringContaining('init layer')]);
  });
});

describe('docker-root of 1.9 and older: overlay', () => {
  test('a container keeps what it changed in `upper`, init layer included', async (context) => {
    const writer = new V1RootWriter(root, 'overlay').tags({});
    const marks = new OverlayMarks(lab.context.system);
    if (!marks.supported(lab.dir)) context.skip('no overlay marks can be made here');
    writer.image(base);
    writer.container(CONTAINER, { Name: '/web', Image: BASE, State: { Running: true } });
    const upper = (id: string, files: Record<string, string>): string => {
      const dir = writer.at('overlay', id, 'upper');
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(join(dir, path, '..'), { recursive: true, mode: 0o755 });
        writeFileSync(join(dir, path), text);
      }
      writeFileSync(writer.at('overlay', id, 'lower-id'), BASE);
      return dir;
    };
    const init = upper(`${CONTAINER}-init`, { '.dockerinit': '', 'dev/console': '' });
    const own = upper(CONTAINER, { made: 'inside' });
    for (const path of ['.dockerinit', 'dev']) {
      rmSync(join(own, path), { recursive: true, force: true });
      execFileSync('cp', ['-a', join(init, path), join(own, path)]);
    }
    marks.whiteout(own, 'keep');
    const image = await readOne(null, 'web');
    expect(namesIn((await obtain(image)).tar)).toEqual(['.wh.keep', 'made']);
    expect(image.warnings[0]).toContain('running');
  });
});
