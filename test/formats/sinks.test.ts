import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSink, type SinkOptions } from '../../src/formats/transports.ts';
import { type Digest, digestHex, sha256Digest } from '../../src/identity/digest.ts';
import type { ImageSink, SinkImage } from '../../src/image/image-sink.ts';
import { collect } from '../support/collect.ts';
import { type FormatLab, openFormatLab, readAll } from '../support/format-context.ts';
import { type FixtureImage, fixtureImage, fixtureLayer, json, MEDIA } from '../support/image-fixture.ts';
import { isDevice, makeFifo, makeSink } from '../support/special-files.ts';
import { sinkImage } from '../suites/format.ts';

const base = fixtureLayer({ 'bin/sh': 'shell' });
const top = fixtureLayer({ 'etc/motd': 'hello' }, 'gzip');
const app = fixtureImage([base, top], { names: ['app:1', 'quay.io/x/app:2'] });
const second = fixtureImage([base], { names: ['second:latest'], config: { comment: 'two' } });

let lab: FormatLab;
beforeEach(() => {
  lab = openFormatLab();
});
afterEach(() => lab.close());

async function put(sink: ImageSink, image: FixtureImage, fields: Partial<SinkImage> = {}): Promise<Digest | null> {
  for (const { digest, stored } of image.layers) {
    const path = join(lab.dir, digestHex(digest));
    writeFileSync(path, stored);
    await sink.putBlob(digest, { path, size: stored.length }, { move: true });
  }
  return (await sink.putImage({ ...sinkImage(image), ...fields })).manifest?.digest ?? null;
}

async function write(location: string, images: FixtureImage[], options?: SinkOptions): Promise<void> {
  const sink = await openSink(location, lab.context, options);
  for (const image of images) await put(sink, image);
  await sink.commit();
  await sink.close();
}

interface WrittenIndex {
  manifests: { mediaType: string; digest: string; annotations?: Record<string, string> }[];
}

function indexOf(path: string): WrittenIndex {
  return JSON.parse(readFileSync(join(path, 'index.json'), 'utf8')) as WrittenIndex;
}

function namesIn(path: string): [string | undefined, string | undefined][] {
  return indexOf(path).manifests.map(({ annotations }) => [
    annotations?.['org.opencontainers.image.ref.name'],
    annotations?.['io.containerd.image.name'],
  ]);
}

describe('an OCI layout that is written', () => {
  it('names images as S9 says: the full name, or the REF that was asked for', async () => {
    await write(`oci:${lab.dir}/all`, [app]);
    expect(namesIn(`${lab.dir}/all`)).toEqual([
      ['app:1', 'docker.io/library/app:1'],
      ['quay.io/x/app:2', 'quay.io/x/app:2'],
    ]);
    await write(`oci:${lab.dir}/one:v7`, [app]);
    expect(namesIn(`${lab.dir}/one`)).toEqual([['v7', 'docker.io/library/app:1']]);
  });

  it('has OCI manifests throughout, whatever the layers were called before', async () => {
    const sink = await openSink(`oci:${lab.dir}/x`, lab.context);
    const layers = sinkImage(app).layers.map((layer) => ({ ...layer, mediaType: `${MEDIA.dockerLayer}.gzip` }));
    await put(sink, app, { layers });
    await sink.commit();
    await sink.close();
    const [{ digest } = { digest: '' }] = indexOf(`${lab.dir}/x`).manifests;
    const manifest = JSON.parse(readFileSync(join(lab.dir, 'x/blobs/sha256', digest.slice(7)), 'utf8')) as unknown;
    expect(manifest).toMatchObject({
      mediaType: MEDIA.manifest,
      config: { mediaType: MEDIA.config },
      layers: [{ mediaType: `${MEDIA.layer}+gzip` }, { mediaType: `${MEDIA.layer}+gzip` }],
    });
  });

  it('keeps what was in it, as it was, and replaces what has the same name', async () => {
    const path = `${lab.dir}/x`;
    await write(`oci:${path}:1`, [app]);
    const index = indexOf(path);
    const foreign = { mediaType: 'application/x', digest: `sha256:${'a'.repeat(64)}`, size: 1, unknown: [1, 2] };
    writeFileSync(join(path, 'index.json'), json({ ...index, manifests: [foreign, ...index.manifests] }));
    await write(`oci:${path}:1`, [second]);
    await write(`oci:${path}:2`, [app]);
    expect(indexOf(path).manifests[0]).toEqual(foreign);
    expect(namesIn(path)).toEqual([
      [undefined, undefined],
      ['1', 'docker.io/library/second:latest'],
      ['2', 'docker.io/library/app:1'],
    ]);
  });

  it('lists a nameless image once, however often it is written', async () => {
    const nameless = { ...second, names: [] };
    await write(`oci:${lab.dir}/x`, [nameless]);
    await write(`oci:${lab.dir}/x`, [nameless]);
    expect(indexOf(`${lab.dir}/x`).manifests).toHaveLength(1);
  });

  it('knows blobs that are there already, whole ones only', async () => {
    const path = `${lab.dir}/x`;
    await write(`oci:${path}`, [second]);
    const sink = await openSink(`oci:${path}`, lab.context);
    expect(await sink.hasBlob(base.digest, base.stored.length)).toBe(true);
    writeFileSync(join(path, 'blobs/sha256', digestHex(base.digest)), 'cut');
    expect(await sink.hasBlob(base.digest, base.stored.length)).toBe(false);
    await put(sink, second);
    await sink.commit();
    await sink.close();
    expect(readFileSync(join(path, 'blobs/sha256', digestHex(base.digest)))).toEqual(base.stored);
  });

  it('is never a directory that holds something else', async () => {
    mkdirSync(join(lab.dir, 'home'));
    writeFileSync(join(lab.dir, 'home/letter'), 'dear');
    await expect(openSink(`oci:${lab.dir}/home`, lab.context)).rejects.toMatchObject({ code: 'DIRECTORY_NOT_EMPTY' });
    expect(readdirSync(join(lab.dir, 'home'))).toEqual(['letter']);
  });

  it('may be an empty directory, or one in which a killed run left its work', async () => {
    mkdirSync(join(lab.dir, 'x/.layermill-abc'), { recursive: true });
    await write(`oci:${lab.dir}/x`, [second]);
    expect(indexOf(`${lab.dir}/x`).manifests).toHaveLength(1);
  });

  it('is not touched when its index.json cannot be read', async () => {
    await write(`oci:${lab.dir}/x`, [second]);
    writeFileSync(join(lab.dir, 'x/index.json'), '{"schemaVersion":2,"manifests":[],"config":{}}');
    await expect(write(`oci:${lab.dir}/x`, [app])).rejects.toMatchObject({ code: 'JSON_INVALID' });
    expect(readdirSync(join(lab.dir, 'x/blobs/sha256'))).not.toContain(digestHex(app.configDigest));
  });

  it('does not give one REF to several images', async () => {
    await expect(write(`oci:${lab.dir}/x:v1`, [app, second])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('takes no blob that is not what its digest says', async () => {
    const sink = await openSink(`oci:${lab.dir}/x`, lab.context);
    const path = join(lab.dir, 'blob');
    writeFileSync(path, Buffer.alloc(base.stored.length));
    const wrong = sink.putBlob(base.digest, { path, size: base.stored.length }, { move: false });
    await expect(wrong).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect(await sink.hasBlob(base.digest, base.stored.length)).toBe(false);
    await put(sink, second);
    await sink.close();
  });
});

describe('a multi-platform index that is written', () => {
  it.each(['oci', 'oci-archive'])(
    'to %s is one entry with its names; its images are found through it',
    async (transport) => {
      const location = `${transport}:${lab.dir}/${transport}`;
      const sink = await openSink(location, lab.context);
      const [first, other] = [
        await put(sink, app, { names: ['app:1', 'extra:1'] }),
        await put(sink, second, { names: [] }),
      ];
      const member = (digest: string | null): unknown => ({ mediaType: MEDIA.manifest, digest, size: 1 });
      const raw = json({ schemaVersion: 2, mediaType: MEDIA.index, manifests: [member(first), member(other)] });
      const digest = sha256Digest(raw);
      await sink.putIndex({ names: ['app:1'], ref: null, raw, mediaType: MEDIA.index, digest });
      await sink.commit();
      await sink.close();
      const { items } = await readAll(`${location}:@0`, lab.context);
      expect(items.at(-1)).toMatchObject({ kind: 'broken' });
      const entries = transport === 'oci' ? namesIn(`${lab.dir}/oci`) : [];
      if (transport === 'oci') expect(entries.map(([name]) => name)).toEqual(['app:1', 'extra:1']);
    },
  );
});

describe('a docker-archive that is written', () => {
  it('is what Docker 25 writes (S9)', async () => {
    const path = `${lab.dir}/x.tar`;
    await write(`docker-archive:${path}`, [app, { ...second, names: [] }]);
    const list = execFileSync('tar', ['tf', path], { encoding: 'utf8' }).trim().split('\n');
    expect(list).toEqual(list.toSorted());
    expect(list.filter((name) => !/^blobs\/sha256\/[a-f0-9]{64}$/.test(name))).toEqual([
      'blobs/',
      'blobs/sha256/',
      'index.json',
      'manifest.json',
      'oci-layout',
      'repositories',
    ]);
    const member = (name: string): unknown =>
      JSON.parse(execFileSync('tar', ['xOf', path, name], { encoding: 'utf8' }));
    const blob = (digest: string): string => `blobs/sha256/${digest.slice(7)}`;
    expect(member('manifest.json')).toEqual([
      {
        Config: blob(second.configDigest),
        RepoTags: null,
        Layers: [blob(base.digest)],
        LayerSources: expect.anything() as unknown,
      },
      {
        Config: blob(app.configDigest),
        RepoTags: ['app:1', 'quay.io/x/app:2'],
        Layers: [blob(base.digest), blob(top.digest)],
        LayerSources: {
          [base.diffId]: { mediaType: MEDIA.layer, size: base.stored.length, digest: base.digest },
          [top.diffId]: { mediaType: `${MEDIA.layer}+gzip`, size: top.stored.length, digest: top.digest },
        },
      },
    ]);
    expect(member('repositories')).toEqual({
      app: { '1': digestHex(top.digest) },
      'quay.io/x/app': { '2': digestHex(top.digest) },
    });
    expect(member('oci-layout')).toEqual({ imageLayoutVersion: '1.0.0' });
    expect((member('index.json') as WrittenIndex).manifests.map(({ annotations }) => annotations)).toEqual([
      undefined,
      { 'io.containerd.image.name': 'docker.io/library/app:1', 'org.opencontainers.image.ref.name': '1' },
      { 'io.containerd.image.name': 'quay.io/x/app:2', 'org.opencontainers.image.ref.name': '2' },
    ]);
  });

  it('is an OCI layout as well', async () => {
    await write(`docker-archive:${lab.dir}/x.tar`, [app]);
    const { items } = await readAll(`oci-archive:${lab.dir}/x.tar`, lab.context);
    expect(items).toMatchObject([
      { kind: 'modern', configDigest: app.configDigest, names: ['app:1', 'quay.io/x/app:2'] },
    ]);
  });

  it('goes to stdout for -, and stdout stays open', async () => {
    const bytes = await collect(async (stdout) => {
      const sink = await openSink('docker-archive:-', { ...lab.context, stdout });
      await put(sink, second);
      await sink.commit();
      await sink.close();
      expect(stdout.writableEnded).toBe(false);
    });
    writeFileSync(join(lab.dir, 'out.tar'), bytes);
    const { items } = await readAll(join(lab.dir, 'out.tar'), lab.context);
    expect(items).toMatchObject([{ configDigest: second.configDigest }]);
    expect(readdirSync(lab.tempDir)).toEqual([]);
  });

  it.each(['docker-archive:-', 'oci-archive:-'])('never goes to a terminal: %s', async (location) => {
    await collect(async (stdout) => {
      const terminal = Object.assign(stdout, { isTTY: true });
      const opened = openSink(location, { ...lab.context, stdout: terminal });
      await expect(opened).rejects.toMatchObject({ code: 'TERMINAL_OUTPUT' });
    });
  });

  it('is a file, not a directory', async () => {
    await expect(openSink(`docker-archive:${lab.dir}`, lab.context)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  it('has a REF that is a name', async () => {
    await expect(openSink(`docker-archive:${lab.dir}/x:UPPER:1`, lab.context)).rejects.toMatchObject({
      code: 'INVALID_NAME',
    });
  });

  it('replaces a file only when it is complete', async () => {
    const path = join(lab.dir, 'x.tar');
    writeFileSync(path, 'old');
    const sink = await openSink(`docker-archive:${path}`, lab.context);
    await sink.putImage(sinkImage(second));
    expect(readFileSync(path, 'utf8')).toBe('old');
    await sink.close();
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(lab.dir)).toEqual(['x.tar']);
  });
});

describe.each(['docker-archive', 'oci-archive'])('a path for a %s', (transport) => {
  it('that is a link stays one: the archive is at its end', async () => {
    mkdirSync(join(lab.dir, 'far'));
    const [link, file] = [join(lab.dir, 'link'), join(lab.dir, 'far/x.tar')];
    symlinkSync(file, link);
    await write(`${transport}:${link}`, [second]);
    expect(readlinkSync(link)).toBe(file);
    const { items } = await readAll(`${transport}:${file}`, lab.context);
    expect(items).toMatchObject([{ configDigest: second.configDigest }]);
    expect(readdirSync(join(lab.dir, 'far'))).toEqual(['x.tar']);
  });

  it('that is a FIFO is written into', async () => {
    const path = join(lab.dir, 'fifo');
    makeFifo(path);
    const reading = readFile(path);
    await write(`${transport}:${path}`, [second]);
    expect(lstatSync(path).isFIFO()).toBe(true);
    writeFileSync(join(lab.dir, 'x.tar'), await reading);
    const { items } = await readAll(`${transport}:${lab.dir}/x.tar`, lab.context);
    expect(items).toMatchObject([{ configDigest: second.configDigest }]);
    expect(readdirSync(lab.tempDir)).toEqual([]);
  });

  it('that is a device stays one', async () => {
    const path = join(lab.dir, 'null');
    if (!makeSink(path)) return;
    await write(`${transport}:${path}`, [second]);
    expect(isDevice(path)).toBe(true);
  });
});

describe('a legacy docker-archive that is written', () => {
  it('is what Docker before 1.10 wrote', async () => {
    const path = `${lab.dir}/x.tar`;
    await write(`docker-archive:${path}`, [app], { legacy: true });
    const ids = sinkImage(app).chain!.map(({ id }) => id);
    const list = execFileSync('tar', ['tf', path], { encoding: 'utf8' }).trim().split('\n');
    const expected = ids.flatMap((id) => [`${id}/`, `${id}/VERSION`, `${id}/json`, `${id}/layer.tar`]);
    expect(list).toEqual([...expected.toSorted(), 'repositories']);
    const member = (name: string): string => execFileSync('tar', ['xOf', path, name], { encoding: 'utf8' });
    expect(member(`${ids[0]}/VERSION`)).toBe('1.0');
    expect(member('repositories')).toBe(`{"app":{"1":"${ids[2]}"},"quay.io/x/app":{"2":"${ids[2]}"}}\n`);
  });

  it('writes what two images share once', async () => {
    const path = `${lab.dir}/x.tar`;
    await write(`docker-archive:${path}`, [app, second], { legacy: true });
    const list = execFileSync('tar', ['tf', path], { encoding: 'utf8' }).trim().split('\n');
    expect(list.filter((name) => name.endsWith('/json'))).toHaveLength(4);
  });

  it('refuses images without a v1 chain, and indexes', async () => {
    const sink = await openSink(`docker-archive:${lab.dir}/x.tar`, lab.context, { legacy: true });
    const invalid = { code: 'INVALID_ARGUMENT' };
    await expect(sink.putImage({ ...sinkImage(app), chain: null })).rejects.toMatchObject(invalid);
    const index = { names: [], ref: null, raw: Buffer.from('{}'), mediaType: MEDIA.index, digest: app.configDigest };
    await expect(sink.putIndex(index)).rejects.toMatchObject(invalid);
    await sink.close();
  });
});
