import { readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestHex, sha256Digest } from '../../../src/identity/digest.ts';
import type { SourceItem } from '../../../src/image/image-source.ts';
import { type FormatLab, openFormatLab, readAll } from '../../support/format-context.ts';
import {
  archiveOf,
  dockerArchiveFiles,
  type FixtureFiles,
  fixtureImage,
  fixtureLayer,
  json,
  pack,
  writeArchiveFile,
} from '../../support/image-fixture.ts';
import { device, fifo, file, hardlink, tar } from '../../support/tar-fixture.ts';
import { writeFileSync } from 'node:fs';
import { inFile } from '../../support/in-file.ts';

const base = fixtureLayer({ 'bin/sh': 'shell' });
const top = fixtureLayer({ 'etc/motd': 'hello' }, 'gzip');
const image = fixtureImage([base, top], { names: ['app:1.0', 'docker.io/library/app:latest'] });
const other = fixtureImage([base], { names: ['other:1'], config: { os: 'linux', comment: 'other' } });

let lab: FormatLab;
beforeAll(() => {
  lab = openFormatLab();
});
afterAll(() => lab.close());

let count = 0;
async function itemsOf(files: FixtureFiles | Buffer, ref = ''): Promise<SourceItem[]> {
  const path = join(lab.dir, `${count++}.tar`);
  if (Buffer.isBuffer(files)) writeFileSync(path, files);
  else writeArchiveFile(path, files);
  const { items } = await readAll(`docker-archive:${path}${ref}`, lab.context);
  expect(readdirSync(lab.tempDir)).toEqual([]);
  return items;
}

function changed(change: (files: FixtureFiles) => void): FixtureFiles {
  const files = dockerArchiveFiles([image]);
  change(files);
  return files;
}

function withManifest(fields: Record<string, unknown>): FixtureFiles {
  return changed((files) => {
    const [entry] = JSON.parse(String(files.get('manifest.json'))) as object[];
    files.set('manifest.json', json([{ ...entry, ...fields }]));
  });
}

/** The digests of the layers as they are read through their ranges. */
async function storedLayers(files: FixtureFiles | Buffer): Promise<string[]> {
  const path = join(lab.dir, `${count++}.tar`);
  writeFileSync(path, Buffer.isBuffer(files) ? files : archiveOf(files));
  const { items } = await readAll(`docker-archive:${path}`, lab.context);
  const [item] = items;
  if (item?.kind !== 'modern') throw item?.kind === 'broken' ? item.error : new Error('no image');
  return item.layers.map(({ blob }) => {
    const { path: file, offset, length } = inFile(blob);
    return sha256Digest(readFileSync(file).subarray(offset, offset! + length!));
  });
}

const codes = (items: SourceItem[]): unknown[] =>
  items.map((item) => (item.kind === 'broken' ? item.error.code : item.kind));

describe('an image that manifest.json lists', () => {
  it('is what its config says', async () => {
    const [item] = await itemsOf(dockerArchiveFiles([image]));
    expect(item).toMatchObject({
      kind: 'modern',
      ref: 'app:1.0',
      names: ['app:1.0', 'app:latest'],
      configDigest: image.configDigest,
      platform: { os: 'linux', architecture: 'amd64' },
      layers: [{ diffId: base.diffId }, { diffId: top.diffId }],
      manifest: null,
    });
    expect(item?.kind === 'modern' && item.config).toEqual(image.config);
  });

  it('has its layers where the archive has them, packed or not (ID-32)', async () => {
    expect(await storedLayers(dockerArchiveFiles([image]))).toEqual([base.digest, top.digest]);
  });

  it('is found whatever the order of the members (I9)', async () => {
    const files = [...dockerArchiveFiles([image])];
    for (const order of [files, files.toReversed()]) {
      expect(await storedLayers(new Map(order))).toEqual([base.digest, top.digest]);
    }
  });

  it.each(['./', '/'])('is found behind names that begin with %s, as kaniko writes them (I9)', async (prefix) => {
    const files = new Map([...dockerArchiveFiles([image])].map(([name, content]) => [prefix + name, content]));
    expect(await storedLayers(files)).toEqual([base.digest, top.digest]);
  });

  it('may have the names of an OCI layout, and the digests in them are promises', async () => {
    const files = withManifest({
      Config: `blobs/sha256/${digestHex(image.configDigest)}`,
      Layers: [`blobs/sha256/${digestHex(base.digest)}`, `blobs/sha256/${digestHex(top.digest)}`],
    });
    files.set(`blobs/sha256/${digestHex(image.configDigest)}`, image.config);
    for (const layer of [base, top]) files.set(`blobs/sha256/${digestHex(layer.digest)}`, layer.stored);
    const [item] = await itemsOf(files);
    expect(item).toMatchObject({
      kind: 'modern',
      layers: [
        { blob: { digest: base.digest, size: base.stored.length } },
        { blob: { digest: top.digest, size: top.stored.length } },
      ],
    });
  });

  it('may have the names of kaniko', async () => {
    const files = withManifest({ Config: image.configDigest });
    files.set(image.configDigest, image.config);
    expect(codes(await itemsOf(files))).toEqual(['modern']);
  });

  it('may have a layer that is a link to another, of either kind (I4, I6)', async () => {
    const twice = fixtureImage([base, base], { names: ['twice:1'] });
    const files = dockerArchiveFiles([twice]);
    const target = `${digestHex(base.digest)}/layer.tar`;
    const manifest = json([{ Config: `${digestHex(twice.configDigest)}.json`, Layers: [target, 'second/layer.tar'] }]);
    files.set('manifest.json', manifest);
    files.set('second/layer.tar', `../${target}`);
    expect(await storedLayers(files)).toEqual([base.digest, base.digest]);
    files.delete('second/layer.tar');
    const bytes = Buffer.concat([hardlink('second/layer.tar', target), archiveOf(files)]);
    expect(await storedLayers(bytes)).toEqual([base.digest, base.digest]);
  });

  it('may have no layers', async () => {
    const empty = fixtureImage([]);
    const files = dockerArchiveFiles([empty]);
    files.set(
      'manifest.json',
      json([{ Config: `${digestHex(empty.configDigest)}.json`, RepoTags: null, Layers: null }]),
    );
    expect(await itemsOf(files)).toMatchObject([{ kind: 'modern', ref: '@0', names: [], layers: [] }]);
  });

  it('may be one of several', async () => {
    const items = await itemsOf(dockerArchiveFiles([image, other]));
    expect(items).toMatchObject([{ configDigest: image.configDigest }, { configDigest: other.configDigest }]);
  });

  it('goes on without one that is broken (I15)', async () => {
    const files = dockerArchiveFiles([image, other]);
    files.delete(`${digestHex(top.digest)}/layer.tar`);
    expect(codes(await itemsOf(files))).toEqual(['ARCHIVE_INVALID', 'modern']);
  });
});

describe('an image is broken, and nothing outside the archive is read, when', () => {
  it.each([
    ['its config climbs (I1)', { Config: '../../etc/passwd' }, 'ARCHIVE_INVALID'],
    ['its config is absolute (I1)', { Config: '/etc/passwd' }, 'ARCHIVE_INVALID'],
    ['its config is missing', { Config: 'missing.json' }, 'ARCHIVE_INVALID'],
    ['its layers climb (I2)', { Layers: ['../../../etc/shadow', '../x'] }, 'ARCHIVE_INVALID'],
    ['a layer is missing', { Layers: ['a', 'b'] }, 'ARCHIVE_INVALID'],
    [
      'it lists fewer layers than its config (G6)',
      { Layers: [`${digestHex(base.digest)}/layer.tar`] },
      'CONFIG_INVALID',
    ],
    ['its config is no config', { Config: 'manifest.json' }, 'CONFIG_INVALID'],
    ['a name has no tag (I13)', { RepoTags: ['app'] }, 'INVALID_NAME'],
    ['a name climbs (I13)', { RepoTags: ['ok:1', '../../x:latest'] }, 'INVALID_NAME'],
    ['a name is a digest (I13)', { RepoTags: [`x@${image.configDigest}`] }, 'INVALID_NAME'],
    ['a tag is too long (I13)', { RepoTags: [`x:${'t'.repeat(129)}`] }, 'INVALID_TAG'],
  ])('%s', async (_what, fields, code) => {
    expect(codes(await itemsOf(withManifest(fields)))).toEqual([code]);
  });

  it.each([
    ['to the host (I3)', '/etc/passwd'],
    ['out of the archive (I3)', '../../../etc/passwd'],
    ['to itself (I5)', 'layer.tar'],
  ])('a layer is a link %s', async (_what, target) => {
    const files = changed((all) => all.set(`${digestHex(top.digest)}/layer.tar`, target));
    expect(codes(await itemsOf(files))).toEqual(['ARCHIVE_INVALID']);
  });

  it('its config is not what its name promises (G11)', async () => {
    const files = changed((all) => all.set(`${digestHex(image.configDigest)}.json`, other.config));
    expect(codes(await itemsOf(files))).toEqual(['DIGEST_MISMATCH']);
  });

  it('its config is longer than a document may be (H1)', async () => {
    const files = withManifest({ Config: 'big.json' });
    files.set('big.json', Buffer.alloc(5 * 1024 * 1024, ' '));
    expect(codes(await itemsOf(files))).toEqual(['LIMIT_EXCEEDED']);
  });

  it('a layer is no regular member (I7)', async () => {
    const files = changed((all) => all.delete(`${digestHex(top.digest)}/layer.tar`));
    for (const odd of [
      fifo(`${digestHex(top.digest)}/layer.tar`),
      device('char', `${digestHex(top.digest)}/layer.tar`, 1, 5),
    ]) {
      expect(codes(await itemsOf(Buffer.concat([odd, archiveOf(files)])))).toEqual(['ARCHIVE_INVALID']);
    }
  });
});

describe('an archive', () => {
  it.each([
    ['is null (H9)', 'null'],
    ['is empty (H9)', ''],
    ['is no list', '{}'],
    ['has something behind it (H8)', '[]\n#'],
  ])('is refused when its manifest.json %s', async (_what, text) => {
    const files = changed((all) => all.set('manifest.json', Buffer.from(text)));
    await expect(itemsOf(files)).rejects.toMatchObject({ code: 'JSON_INVALID' });
  });

  it('without images is no failure (H9)', async () => {
    expect(await itemsOf(changed((all) => all.set('manifest.json', json([]))))).toEqual([]);
  });

  it('with two manifest.json is refused, for tools differ in which they read (I8)', async () => {
    const bytes = Buffer.concat([file('./manifest.json', '[]'), archiveOf(dockerArchiveFiles([image]))]);
    await expect(itemsOf(bytes)).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
  });

  it('with any other member twice counts the last (ID-31)', async () => {
    const bytes = Buffer.concat([
      file(`${digestHex(image.configDigest)}.json`, 'rubbish'),
      archiveOf(dockerArchiveFiles([image])),
    ]);
    expect(codes(await itemsOf(bytes))).toEqual(['modern']);
  });

  it('with a fifo as manifest.json is refused without waiting for it (I7)', async () => {
    await expect(itemsOf(tar([fifo('manifest.json')]))).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
  });

  it('with members that climb, devices and rubbish is read as if they were not there (I21)', async () => {
    const bytes = Buffer.concat([
      file('../../x', 'evil'),
      file('/etc/cron.d/x', 'evil'),
      device('block', 'sda', 8, 0),
      archiveOf(dockerArchiveFiles([image])),
    ]);
    expect(codes(await itemsOf(bytes))).toEqual(['modern']);
  });

  it.each(['gzip', 'zstd'] as const)('may be packed as a whole with %s (I22)', async (compression) => {
    expect(codes(await itemsOf(pack(archiveOf(dockerArchiveFiles([image])), compression)))).toEqual(['modern']);
  });

  it('may be reached through a link', async () => {
    const path = writeArchiveFile(join(lab.dir, 'real.tar'), dockerArchiveFiles([image]));
    symlinkSync(path, join(lab.dir, 'link.tar'));
    const { items } = await readAll(`docker-archive:${join(lab.dir, 'link.tar')}`, lab.context);
    expect(items).toMatchObject([{ layers: [{ blob: { path } }, { blob: { path } }] }]);
  });

  it('that is no tar is no image', async () => {
    await expect(itemsOf(Buffer.from('x'.repeat(2048)))).rejects.toMatchObject({ code: 'NOT_AN_IMAGE' });
    await expect(itemsOf(Buffer.alloc(0))).rejects.toMatchObject({ code: 'NOT_AN_IMAGE' });
    await expect(itemsOf(tar([file('etc/passwd', 'root')]))).rejects.toMatchObject({ code: 'NOT_AN_IMAGE' });
  });

  it('that is cut short is told from one that is none', async () => {
    const bytes = archiveOf(dockerArchiveFiles([image]));
    await expect(itemsOf(bytes.subarray(0, 1500))).rejects.toMatchObject({ code: 'TAR_TRUNCATED' });
  });
});

describe('one image of an archive', () => {
  const files = dockerArchiveFiles([image, other]);

  it.each([
    [':other:1', other.configDigest, ['other:1']],
    [':app', image.configDigest, ['app:latest']],
    [':docker.io/library/app:1.0', image.configDigest, ['app:1.0']],
    [':@0', image.configDigest, ['app:1.0', 'app:latest']],
    [':@1', other.configDigest, ['other:1']],
  ])('is asked for by %s', async (ref, configDigest, names) => {
    expect(await itemsOf(files, ref)).toMatchObject([{ configDigest, names }]);
  });

  it.each([':nobody:1', ':@2', ':!'])('that is not there is not found by %s', async (ref) => {
    await expect(itemsOf(files, ref)).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  });
});
