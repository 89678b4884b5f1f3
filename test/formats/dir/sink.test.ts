import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSink, type SinkOptions } from '../../../src/formats/transports.ts';
import { type Digest, digestHex, sha256Digest } from '../../../src/identity/digest.ts';
import type { ImageSink, SinkIndex } from '../../../src/image/image-sink.ts';
import { type FormatLab, openFormatLab, readAll } from '../../support/format-context.ts';
import { type FixtureImage, fixtureImage, fixtureLayer, json, MEDIA } from '../../support/image-fixture.ts';
import { sinkImage } from '../../suites/format.ts';

const base = fixtureLayer({ 'bin/sh': 'shell' });
const top = fixtureLayer({ 'etc/motd': 'hello' }, 'gzip');
const app = fixtureImage([base, top]);
const second = fixtureImage([base], { config: { architecture: 'arm64' } });

let lab: FormatLab;
let path: string;
beforeEach(() => {
  lab = openFormatLab();
  path = join(lab.dir, 'image');
});
afterEach(() => lab.close());

const open = (options?: SinkOptions): Promise<ImageSink> => openSink(`dir:${path}`, lab.context, options);

async function put(sink: ImageSink, image: FixtureImage): Promise<Digest> {
  for (const { digest, stored } of image.layers) {
    if (await sink.hasBlob(digest, stored.length)) continue;
    await putBlob(sink, stored);
  }
  return (await sink.putImage(sinkImage(image))).manifest!.digest;
}

async function putBlob(sink: ImageSink, bytes: Buffer): Promise<Digest> {
  const digest = sha256Digest(bytes);
  const from = join(lab.dir, `from-${digestHex(digest)}`);
  writeFileSync(from, bytes);
  await sink.putBlob(digest, { path: from, size: bytes.length }, { move: true });
  return digest;
}

function indexOf(digests: Digest[], mediaType: string = MEDIA.manifest): SinkIndex {
  const manifests = digests.map((digest) => ({ mediaType, digest, size: 1 }));
  const raw = json({ schemaVersion: 2, mediaType: MEDIA.index, manifests });
  return { names: ['app:1'], ref: null, raw, mediaType: MEDIA.index, digest: sha256Digest(raw) };
}

async function write(image: FixtureImage, options?: SinkOptions): Promise<Digest> {
  const sink = await open(options);
  const digest = await put(sink, image);
  await sink.commit();
  await sink.close();
  return digest;
}

const hexes = (...digests: Digest[]): string[] => digests.map(digestHex);
const listed = (): string[] => readdirSync(path).toSorted();
const manifest = (): Buffer => readFileSync(join(path, 'manifest.json'));

describe('a dir: that is written', () => {
  it('is what skopeo writes', async () => {
    const digest = await write(app);
    expect(listed()).toEqual(
      [...hexes(base.digest, top.digest, app.configDigest), 'manifest.json', 'version'].toSorted(),
    );
    expect(readFileSync(join(path, 'version'), 'utf8')).toBe('Directory Transport Version: 1.1\n');
    expect(sha256Digest(manifest())).toBe(digest);
  });

  it.each([
    ['oci', MEDIA.manifest, MEDIA.config, `${MEDIA.layer}+gzip`],
    ['docker', MEDIA.dockerManifest, MEDIA.dockerConfig, `${MEDIA.dockerLayer}.gzip`],
  ] as const)('has a new manifest in the format asked for: %s', async (format, mediaType, config, layer) => {
    await write(app, { format });
    expect(JSON.parse(manifest().toString())).toMatchObject({
      mediaType,
      config: { mediaType: config },
      layers: [{}, { mediaType: layer }],
    });
  });

  it('holds an index, its members beside it, and theirs', async () => {
    const sink = await open();
    const members = [await put(sink, app), await put(sink, second)];
    const inner = indexOf([members[1]!]);
    await putBlob(sink, inner.raw);
    const index = indexOf([members[0]!]);
    const nested = json({
      ...(JSON.parse(index.raw.toString()) as object),
      manifests: [
        { mediaType: MEDIA.manifest, digest: members[0], size: 1 },
        { mediaType: MEDIA.index, digest: inner.digest, size: inner.raw.length },
      ],
    });
    await sink.putIndex({ ...index, raw: nested, digest: sha256Digest(nested) });
    await sink.commit();
    await sink.close();
    expect(manifest()).toEqual(nested);
    expect(listed().filter((name) => name.endsWith('.manifest.json'))).toEqual(
      hexes(...members, inner.digest)
        .map((hex) => `${hex}.manifest.json`)
        .toSorted(),
    );
  });

  it('refuses a second image before anything is to be seen', async () => {
    const sink = await open();
    await put(sink, app);
    await put(sink, second);
    const refused = { code: 'INVALID_ARGUMENT', message: expect.stringContaining('2 go to') as string };
    await expect(sink.commit()).rejects.toMatchObject(refused);
    await sink.close();
    expect(existsSync(path)).toBe(false);
  });

  it('refuses a second index, and an image beside an index', async () => {
    const sink = await open();
    await sink.putIndex(indexOf([await put(sink, app)]));
    const other = indexOf([await put(sink, second)]);
    await expect(sink.commit()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await sink.putIndex(other);
    await expect(sink.commit()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await sink.close();
    expect(existsSync(path)).toBe(false);
  });

  it('takes the same image twice', async () => {
    const sink = await open();
    expect(await put(sink, app)).toBe(await put(sink, app));
    await sink.commit();
    await sink.close();
    expect((await readAll(`dir:${path}`, lab.context)).items).toMatchObject([{ configDigest: app.configDigest }]);
  });

  it('replaces what was there as a whole, and keeps what both have', async () => {
    await write(app);
    for (const name of ['signature-1', `${digestHex(app.configDigest)}.signature-2`]) {
      writeFileSync(join(path, name), 'signed');
    }
    writeFileSync(join(path, 'notes.txt'), 'mine');
    const sink = await open();
    expect(await sink.hasBlob(base.digest, base.stored.length)).toBe(true);
    expect(await sink.hasBlob(base.digest, 1)).toBe(false);
    await put(sink, second);
    expect((await readAll(`dir:${path}`, lab.context)).items).toMatchObject([{ configDigest: app.configDigest }]);
    await sink.commit();
    await sink.close();
    expect(listed()).toEqual(
      [...hexes(base.digest, second.configDigest), 'manifest.json', 'notes.txt', 'version'].toSorted(),
    );
    expect((await readAll(`dir:${path}`, lab.context)).items).toMatchObject([{ configDigest: second.configDigest }]);
  });

  it('stays as it was without a commit', async () => {
    await write(app);
    const before = listed();
    const sink = await open();
    await put(sink, second);
    await sink.close();
    expect(listed()).toEqual(before);
  });

  it.each([
    ['letters', () => writeFileSync(join(path, 'letter'), 'dear')],
    ['a version of something else', () => writeFileSync(join(path, 'version'), '1.1')],
    ['a version that is a directory', () => mkdirSync(join(path, 'version'))],
    ['an OCI layout', () => writeFileSync(join(path, 'index.json'), '{}')],
  ])('is never a directory with %s', async (_what, make) => {
    mkdirSync(path);
    make();
    const before = listed();
    await expect(open()).rejects.toMatchObject({ code: 'DIRECTORY_NOT_EMPTY' });
    expect(listed()).toEqual(before);
  });

  it('may be an empty directory, or one in which a killed run left its work', async () => {
    mkdirSync(join(path, '.layermill-abc'), { recursive: true });
    await write(second);
    expect((await readAll(`dir:${path}`, lab.context)).items).toHaveLength(1);
  });
});
