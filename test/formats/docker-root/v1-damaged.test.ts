import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hasCode } from '../../../src/errors/kinds.ts';
import { isV1Root, openV1Root } from '../../../src/formats/docker-root/v1/open.ts';
import type { RootListing } from '../../../src/formats/docker-root/root-listing.ts';
import type { LegacyImage, SourceItem } from '../../../src/image/image-source.ts';
import { codeOf } from '../../support/code-of.ts';
import { type FormatLab, openFormatLab } from '../../support/format-context.ts';
import { v1Id } from '../../support/image-fixture.ts';
import { makeFifo } from '../../support/special-files.ts';
import { treeState } from '../../support/tree-state.ts';
import { type V1DriverName, V1RootWriter } from '../../support/v1-root.ts';

const [A, B, C, D, E] = ['a', 'b', 'c', 'd', 'e'].map(v1Id) as [string, string, string, string, string];
const DIGEST = `sha256:${v1Id('9')}`;

let lab: FormatLab;
let root: string;
let before: string[] | null;
beforeEach(() => {
  lab = openFormatLab();
  root = join(lab.dir, 'root');
  before = null;
});
afterEach(async () => {
  if (before !== null) expect(treeState(root)).toEqual(before);
  await lab.close();
});

const write = (driver: V1DriverName = 'vfs'): V1RootWriter => new V1RootWriter(root, driver);

async function read(ref: string | null = null, context = lab.context): Promise<SourceItem[]> {
  before ??= treeState(root);
  const items: SourceItem[] = [];
  for await (const item of (await openV1Root(root, ref, { container: null }, context)).images()) items.push(item);
  return items;
}

async function outcomes(ref: string | null = null): Promise<Record<string, string>> {
  const items = await read(ref);
  return Object.fromEntries(items.map((item) => [item.ref, item.kind === 'broken' ? item.error.code : 'fine']));
}

async function listing(): Promise<RootListing> {
  before ??= treeState(root);
  return (await openV1Root(root, null, { container: null }, lab.context)).listing();
}

async function warnings(): Promise<readonly string[]> {
  const source = await openV1Root(root, null, { container: null }, lab.context);
  for await (const item of source.images()) expect(item).toBeDefined();
  return source.warnings ?? [];
}

describe('the images of a damaged directory', () => {
  test('the others go on', async () => {
    const writer = write();
    for (const id of [A, B, C, D, E]) writer.image({ id, files: { id } });
    writeFileSync(writer.at('graph', B, 'json'), `{"id":"${B}"`);
    writeFileSync(writer.at('graph', C, 'json'), `{"id":"${A}"}`);
    rmSync(writer.at('graph', D, 'json'));
    rmSync(writer.place(E), { recursive: true });
    expect(await outcomes()).toEqual({
      [A]: 'fine',
      [B]: 'JSON_INVALID',
      [C]: 'CHAIN_INVALID',
      [D]: 'CHAIN_INVALID',
      [E]: 'LAYER_NOT_FOUND',
    });
  });

  test('parents that are missing, no ids, or go round', async () => {
    const writer = write();
    for (const id of [A, B, C, D, E]) writer.image({ id, files: { id } });
    const says = (id: string, parent: string): void =>
      writeFileSync(writer.at('graph', id, 'json'), JSON.stringify({ id, parent }));
    says(A, v1Id('0'));
    says(B, '../../../etc');
    says(C, D);
    says(D, C);
    writer.tags({ named: { gone: v1Id('1'), outside: '../../etc/passwd' } });
    expect(await outcomes()).toEqual({
      'named:gone': 'CHAIN_INVALID',
      'named:outside': 'CHAIN_INVALID',
      [A]: 'CHAIN_INVALID',
      [B]: 'INVALID_ID',
      [C]: 'CHAIN_INVALID',
      [D]: 'CHAIN_INVALID',
      [E]: 'fine',
    });
  });

  test('JSON without an end, or as deep as no parser likes it', async () => {
    const writer = write();
    for (const id of [A, B, C]) writer.image({ id, files: { id } });
    writeFileSync(writer.at('graph', A, 'json'), `{"id":"${A}","x":"${'x'.repeat(5_000_000)}"}`);
    writeFileSync(writer.at('graph', B, 'json'), `{"id":"${B}","x":${'['.repeat(100_000)}`);
    rmSync(writer.at('graph', C, 'json'));
    makeFifo(writer.at('graph', C, 'json'));
    expect(await outcomes()).toEqual({ [A]: 'LIMIT_EXCEEDED', [B]: 'LIMIT_EXCEEDED', [C]: 'ARCHIVE_INVALID' });
  });

  test('more layers than an image may have', async () => {
    const writer = write('aufs');
    const ids = Array.from({ length: 5 }, (_, index) => v1Id(String(index)));
    ids.forEach((id, index) => writer.image({ id, files: {}, ...(index === 0 ? {} : { parent: ids[index - 1]! }) }));
    const documents = { bytes: 10_000, depth: 20, layers: 4, nesting: 1 };
    const [item] = await read(null, { ...lab.context, documents });
    expect(item).toMatchObject({ kind: 'broken', error: { code: 'LIMIT_EXCEEDED' } });
  });

  test('a link out of the directory is never followed, one inside is', async () => {
    const writer = write('aufs');
    for (const id of [A, B, C]) writer.image({ id, files: { id } });
    const outside = join(lab.dir, 'outside');
    renameSync(writer.place(A), outside);
    symlinkSync(outside, writer.place(A));
    // As Docker 0.7 moved layers to another file system.
    renameSync(writer.place(B), writer.at('graph', B, 'layer'));
    symlinkSync(`../../graph/${B}/layer`, writer.place(B));
    writeFileSync(join(lab.dir, 'json'), `{"id":"${C}"}`);
    rmSync(writer.at('graph', C, 'json'));
    symlinkSync(join(lab.dir, 'json'), writer.at('graph', C, 'json'));
    const found = await outcomes();
    expect(found).toEqual({ [A]: 'ENTRY_OUTSIDE_ROOT', [B]: 'fine', [C]: 'ENTRY_OUTSIDE_ROOT' });
  });

  test('the whole driver is a link out of the directory', async () => {
    const writer = write();
    writer.image({ id: A, files: { a: 'a' } });
    renameSync(writer.at('vfs'), join(lab.dir, 'vfs'));
    symlinkSync(join(lab.dir, 'vfs'), writer.at('vfs'));
    expect(await outcomes()).toEqual({ [A]: 'ENTRY_OUTSIDE_ROOT' });
  });

  test('a layer that one driver has lost may be with another one', async () => {
    const writer = write('overlay');
    writer.image({ id: A, files: { a: 'a' } });
    symlinkSync(lab.tempDir, writer.at('vfs'));
    symlinkSync('nowhere', writer.at('aufs'));
    expect(await outcomes()).toEqual({ [A]: 'fine' });
  });

  test('no directory of that kind', async () => {
    mkdirSync(join(root, 'image'), { recursive: true });
    expect(await isV1Root(root)).toBe(false);
    expect(await codeOf(outcomes())).toBe('NOT_AN_IMAGE');
    mkdirSync(join(root, 'graph'));
    before = null;
    expect(await outcomes()).toEqual({});
    expect(await codeOf(openV1Root(join(root, 'nothing'), null, { container: null }, lab.context))).toBe('ENOENT');
  });
});

describe('names', () => {
  test('of several drivers, invalid ones, and files that cannot be read', async () => {
    const writer = write();
    for (const id of [A, B]) writer.image({ id, files: { id } });
    writer.tags({ app: { one: A, 'bad/tag': B }, 'UPPER//': { x: A } });
    const tagFile = (driver: string, text: string): void => writeFileSync(writer.at(`repositories-${driver}`), text);
    tagFile('aufs', JSON.stringify({ Repositories: { app: { one: B, two: B } } }));
    tagFile('overlay', '{"Repositories":');
    const images = (await read()) as LegacyImage[];
    expect(Object.fromEntries(images.map(({ ref, names }) => [ref, names]))).toEqual({
      'app:one': ['app:one', 'app:two'],
      [A]: [],
    });
    const said = (await warnings()).join('\n');
    expect(said).toContain('app:one is another image');
    expect(said).toContain('bad/tag');
    expect(said).toContain('repositories-overlay');
  });

  test('an image is selected by name, by its place, or by how its id begins', async () => {
    const writer = write('aufs');
    writer.image({ id: A, files: {} });
    writer.image({ id: B, parent: A, files: {} });
    writer.image({ id: `${'b'.repeat(63)}c`, files: {} });
    writer.tags({ app: { one: B, latest: B } });
    expect(await outcomes('app')).toEqual({ 'app:latest': 'fine' });
    expect(await outcomes('app:one')).toEqual({ 'app:one': 'fine' });
    expect(await outcomes('@0')).toEqual({ 'app:latest': 'fine' });
    expect(await outcomes('aaa')).toEqual({ [A]: 'fine' });
    expect(((await read(B)) as LegacyImage[])[0]).toMatchObject({ names: ['app:latest', 'app:one'] });
    expect(await codeOf(outcomes('bbb'))).toBe('ID_AMBIGUOUS');
    for (const ref of ['app:three', 'fff', '@7', '../..']) expect(await codeOf(outcomes(ref))).toBe('IMAGE_NOT_FOUND');
  });

  test('1.9 leaves id and parent to other files; they are put in front', async () => {
    const writer = write('aufs');
    writer.image({ id: A, files: {}, json: '{"os":"linux","x":[1, 2]}' });
    const json = `{"parent_id":"sha256:${E}","docker_version":"1.9.0"}`;
    writer.image({ id: B, parent: A, files: {}, json, beside: { parent: `${A}\n` } });
    const [image] = (await read()) as LegacyImage[];
    expect(image!.chain.map((link) => link.json.toString())).toEqual([
      `{"id":"${A}","os":"linux","x":[1,2]}`,
      `{"id":"${B}","parent":"${A}","parent_id":"sha256:${E}","docker_version":"1.9.0"}`,
    ]);
    expect(image!.warnings).toHaveLength(2);
  });
});

describe('the listing', () => {
  test('images, layers, containers, and what is wrong', async () => {
    const writer = write();
    writer.image({ id: A, files: { a: 'a' }, split: true, beside: { checksum: DIGEST } });
    writer.image({ id: B, parent: A, files: { b: 'b' }, beside: { checksum: 'tarsum+sha256:1' } });
    writer.image({ id: C, files: {} });
    writeFileSync(writer.at('graph', C, 'json'), 'no json');
    writer.tags({ app: { one: B, [DIGEST]: B } });
    writer.container(D, { Name: '/web', Image: B, State: { Running: true } });
    writer.container(E, { Name: '/broken' });
    const found = await listing();
    expect(found).toMatchObject({
      kind: 'docker-v1',
      path: root,
      driver: 'vfs',
      containers: [{ id: D, name: 'web', image: B, running: true }],
    });
    expect(found.warnings).toHaveLength(1);
    const [app, broken] = found.images;
    expect(app).toEqual({
      id: B,
      names: ['app:one'],
      digests: [`app@${DIGEST}`],
      created: '2015-01-02T03:04:05Z',
      size: 14,
      damaged: null,
      layers: [
        {
          diffId: null,
          size: 7,
          dir: `vfs/dir/${A}`,
          state: 'exact',
          registry: [{ digest: DIGEST, repository: null }],
        },
        { diffId: null, size: 7, dir: `vfs/dir/${B}`, state: 'rebuilt', registry: [] },
      ],
    });
    expect(broken).toMatchObject({ id: C, layers: [], damaged: { code: 'JSON_INVALID' } });
  });

  test.each(['devicemapper', 'zfs'])('%s: listed, and refused with the commands that mount it', async (driver) => {
    const writer = write();
    writer.image({ id: A, files: { a: 'a' } });
    writer.image({ id: B, parent: A, files: { b: 'b' } });
    const home = driver === 'zfs' ? 'zfs/graph' : 'devicemapper/mnt';
    mkdirSync(writer.at(home), { recursive: true });
    for (const id of [A, B]) {
      renameSync(writer.place(id), join(lab.dir, id));
      if (driver === 'zfs') continue;
      mkdirSync(writer.at('devicemapper/metadata'), { recursive: true });
      writeFileSync(writer.at('devicemapper/metadata', id), '{"device_id":12,"size":10737418240}');
    }
    writeFileSync(writer.at(`repositories-${driver}`), JSON.stringify({ Repositories: { app: { one: B } } }));
    const [item] = await read();
    const error = item?.kind === 'broken' ? item.error : null;
    if (!hasCode(error, 'LAYER_NOT_MOUNTED')) throw new Error('the layers are mounted nowhere');
    expect(error.details).toMatchObject({ driver, id: A });
    const commands = error.details.commands.join('\n');
    expect(commands).toContain(A);
    if (driver === 'devicemapper') expect(commands).toContain('"0 20971520 thin /dev/mapper/layermill-pool 12"');
    const found = await listing();
    expect(found.driver).toBe(driver);
    expect(found.images[0]).toMatchObject({ id: B, names: ['app:one'], damaged: { code: 'LAYER_NOT_MOUNTED' } });
    expect(found.images[0]!.layers.map(({ state }) => state)).toEqual(['unmounted', 'unmounted']);
    for (const id of [A, B]) {
      const mounted = driver === 'zfs' ? writer.at(home, id) : writer.at(home, id, 'rootfs');
      mkdirSync(join(mounted, '..'), { recursive: true });
      renameSync(join(lab.dir, id), mounted);
    }
    before = treeState(root);
    expect(await outcomes()).toEqual({ 'app:one': 'fine' });
  });

  test('devicemapper before 0.12 knew its volumes from one file', async () => {
    const writer = write();
    writer.image({ id: A, files: { a: 'a' } });
    rmSync(writer.at('vfs'), { recursive: true });
    mkdirSync(writer.at('devicemapper/devicemapper'), { recursive: true });
    const devices = { Devices: { '': { device_id: 0, size: 1 }, [A]: { device_id: 3, size: 1024 } } };
    writeFileSync(writer.at('devicemapper/devicemapper/json'), JSON.stringify(devices));
    expect(await outcomes()).toEqual({ [A]: 'LAYER_NOT_MOUNTED' });
  });
});
