import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestHex } from '../../../src/identity/digest.ts';
import { type FormatLab, openFormatLab, readAll } from '../../support/format-context.ts';
import {
  dirFiles,
  dirOfLayout,
  type FixtureFiles,
  fixtureImage,
  fixtureLayer,
  FixtureLayout,
  json,
  MEDIA,
  writeDirectory,
} from '../../support/image-fixture.ts';
import { schema1Manifest } from '../../support/schema1-fixture.ts';

const layer = fixtureLayer({ 'bin/sh': 'shell' });
const image = fixtureImage([layer]);
const arm = fixtureImage([layer], { config: { architecture: 'arm64' } });

let lab: FormatLab;
let path: string;
beforeEach(() => {
  lab = openFormatLab();
  path = join(lab.dir, 'image');
});
afterEach(() => lab.close());

const read = (files: FixtureFiles): ReturnType<typeof readAll> =>
  readAll(`dir:${writeDirectory(path, files)}`, lab.context);

describe('a dir: that is read', () => {
  it.each([
    ['an OCI manifest', {}, MEDIA.manifest],
    ['a manifest that does not say what it is', { mediaType: undefined }, MEDIA.manifest],
    ["Docker's manifest", { mediaType: MEDIA.dockerManifest }, MEDIA.dockerManifest],
  ])('is one nameless image, with the type that its document has: %s', async (_what, fields, mediaType) => {
    const files = dirFiles(image, fields);
    const { items, warnings } = await read(files);
    expect(items).toMatchObject([
      {
        kind: 'modern',
        names: [],
        configDigest: image.configDigest,
        manifest: { raw: files.get('manifest.json'), mediaType },
        layers: [{ diffId: layer.diffId, blob: { path: join(path, digestHex(layer.digest)), digest: layer.digest } }],
      },
    ]);
    expect(warnings).toEqual([]);
  });

  it('gives the images of an index, and then the index', async () => {
    const layout = new FixtureLayout();
    const statement = layout.manifest({
      config: layout.blob(Buffer.from('{}'), MEDIA.config),
      layers: [layout.blob(json({ said: 1 }), 'application/vnd.in-toto+json')],
    });
    const members = [layout.image(image), layout.image(arm), statement];
    const { items } = await read(dirOfLayout(layout, layout.index(members), members));
    expect(items).toMatchObject([
      { kind: 'modern', configDigest: image.configDigest },
      { kind: 'modern', configDigest: arm.configDigest },
      { kind: 'index', members: members.map(({ digest }) => ({ digest })), mediaType: MEDIA.index },
    ]);
    expect(items[2]).toHaveProperty('attachments.length', 3);
  });

  it('may hold a manifest of schema 1, which is converted', async () => {
    const [base, empty] = [fixtureLayer({ base: 'base' }, 'gzip'), fixtureLayer({}, 'gzip')];
    const files: FixtureFiles = new Map([
      ['version', Buffer.from('Directory Transport Version: 1.1\n')],
      ['manifest.json', schema1Manifest(base, empty)],
      [digestHex(base.digest), base.stored],
      [digestHex(empty.digest), empty.stored],
    ]);
    const { items } = await read(files);
    expect(items).toMatchObject([
      {
        kind: 'modern',
        manifest: null,
        layers: [base, empty, empty].map(({ diffId, digest }) => ({ diffId, blob: { digest } })),
        warnings: [expect.stringContaining('schema 1')],
      },
    ]);
    files.set(digestHex(base.digest), changed(base.stored));
    await expect(read(files)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    files.delete(digestHex(base.digest));
    rmSync(path, { recursive: true });
    await expect(read(files)).rejects.toMatchObject({ code: 'BLOB_MISSING' });
  });

  it('may lack images of its index, and says so', async () => {
    const layout = new FixtureLayout();
    const members = [layout.image(image), layout.image(arm)];
    const files = dirOfLayout(layout, layout.index(members), members);
    files.delete(`${members[1]!.digest.slice(7)}.manifest.json`);
    const { items, warnings } = await read(files);
    expect(items).toMatchObject([{ configDigest: image.configDigest }, { kind: 'index' }]);
    expect(warnings).toMatchObject([/1 members of its index are not here/]);
  });

  it('has signatures that nobody asks for, and may lack its version', async () => {
    const files = dirFiles(image).set('signature-1', Buffer.from('signed'));
    files.delete('version');
    const { items, warnings } = await read(files);
    expect(items).toMatchObject([{ configDigest: image.configDigest }]);
    expect(warnings).toEqual(['the directory does not say that it is a dir: layout']);
  });

  it('may hold links, as long as they stay in it', async () => {
    const name = digestHex(layer.digest);
    writeDirectory(path, dirFiles(image).set('stored', layer.stored));
    rmSync(join(path, name));
    symlinkSync('stored', join(path, name));
    const { items } = await readAll(`dir:${path}`, lab.context);
    expect(items).toMatchObject([{ layers: [{ blob: { path: join(path, 'stored') } }] }]);
    rmSync(join(path, name));
    writeFileSync(join(lab.dir, 'outside'), layer.stored);
    symlinkSync('../outside', join(path, name));
    await expect(readAll(`dir:${path}`, lab.context)).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
  });

  const withFile = (name: string, content: Buffer): FixtureFiles => dirFiles(image).set(name, content);
  const without = (name: string): FixtureFiles => {
    const files = dirFiles(image);
    files.delete(name);
    return files;
  };

  it.each([
    ['no manifest.json', 'NOT_AN_IMAGE', () => without('manifest.json')],
    ['a manifest.json that is no JSON', 'JSON_INVALID', () => withFile('manifest.json', Buffer.from('no'))],
    [
      'a manifest of schema 1 without layers',
      'JSON_INVALID',
      () => withFile('manifest.json', json({ schemaVersion: 1 })),
    ],
    ['an artifact', 'NOT_AN_IMAGE', () => dirFiles(image, { config: null })],
    ['a document of a type nobody knows', 'NOT_AN_IMAGE', () => dirFiles(image, { mediaType: 'text/x' })],
    ['an index of nothing', 'NOT_AN_IMAGE', () => withFile('manifest.json', json({ schemaVersion: 2, manifests: [] }))],
    ['no config', 'BLOB_MISSING', () => without(digestHex(image.configDigest))],
    ['another config', 'SIZE_MISMATCH', () => withFile(digestHex(image.configDigest), Buffer.from('{}'))],
    ['a changed config', 'DIGEST_MISMATCH', () => withFile(digestHex(image.configDigest), changed(image.config))],
    ['no layer', 'BLOB_MISSING', () => without(digestHex(layer.digest))],
    ['a layer that is cut', 'SIZE_MISMATCH', () => withFile(digestHex(layer.digest), layer.stored.subarray(1))],
    [
      'a version to come',
      'ARCHIVE_INVALID',
      () => withFile('version', Buffer.from('Directory Transport Version: 2.0')),
    ],
  ])('is refused with %s', async (_what, code, files) => {
    await expect(read(files())).rejects.toMatchObject({ code });
  });

  it('is a directory', async () => {
    writeFileSync(path, 'a file');
    await expect(readAll(`dir:${path}`, lab.context)).rejects.toMatchObject({ code: 'NOT_AN_IMAGE' });
  });
});

function changed(bytes: Buffer): Buffer {
  return Buffer.from(bytes.map((byte, index) => (index === 5 ? byte + 1 : byte)));
}
