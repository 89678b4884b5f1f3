import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { profileFor } from '../../src/compression/codecs.ts';
import { profileText } from '../../src/compression/profile-text.ts';
import { digestHex, sha256Digest } from '../../src/identity/digest.ts';
import type { ModernImage, SourceItem } from '../../src/image/image-source.ts';
import { copied, type CopyLab, openCopyLab } from '../support/copy-lab.ts';
import { readAll } from '../support/format-context.ts';
import {
  dockerArchiveFiles,
  type FixtureDescriptor,
  type FixtureImage,
  fixtureImage,
  fixtureLayer,
  FixtureLayout,
  legacyArchiveFiles,
  MEDIA,
  named,
  pack,
  packedLayer,
  v1Id,
  writeArchiveFile,
  writeDirectory,
} from '../support/image-fixture.ts';
import { inFile } from '../support/in-file.ts';
import { file, tar } from '../support/tar-fixture.ts';

const gzipped = fixtureLayer({ 'etc/base': 'base' }, 'gzip');
const zstd = fixtureLayer({ 'etc/top': 'top' }, 'zstd');
const plain = fixtureLayer({ 'etc/plain': 'plain' });
const one = fixtureImage([gzipped, zstd], { names: ['one:1'] });
const two = fixtureImage([gzipped], { names: ['two:1'], config: { comment: 'two' } });
const bare = fixtureImage([plain], { names: ['bare:1'] });

let lab: CopyLab;
beforeEach(() => (lab = openCopyLab()));
afterEach(() => lab[Symbol.asyncDispose]());

function layout(name: string, images: FixtureImage[], fields: Record<string, unknown> = {}): string {
  const made = new FixtureLayout();
  made.list(images.map((image) => named(made.image(image, fields), image.names[0]!)));
  return `oci:${writeDirectory(join(lab.dir, name), made.files)}`;
}

function archive(name: string, images: FixtureImage[]): string {
  return `docker-archive:${writeArchiveFile(join(lab.dir, name), dockerArchiveFiles(images))}`;
}

const out = (name = 'out'): string => `oci:${join(lab.dir, name)}`;
const blobsOf = (location: string): string[] =>
  readdirSync(join(location.slice('oci:'.length), 'blobs/sha256')).toSorted();

async function modernIn(location: string): Promise<ModernImage[]> {
  const { items } = await readAll(location, lab.formats.context);
  return items.filter((item: SourceItem): item is ModernImage => item.kind === 'modern');
}

/** The tar of every layer, in the place that its manifest says, unpacked and proven. */
async function diffIdsIn({ layers }: ModernImage): Promise<string[]> {
  const { pool, limits } = lab.formats.context;
  const found = layers.map(async ({ blob, diffId }) => {
    const input = { source: { from: 'blob', blob: inFile(blob) } as const, expected: { diffId }, limits };
    return (await pool.run('layer.digest', input)).diffId;
  });
  return Promise.all(found);
}

describe('a copy without a change', () => {
  it('keeps every byte between layouts, archives and docker-archives', async () => {
    const source = layout('in', [one, two]);
    const first = copied(await lab.copy([source], out(), { preserveDigests: true }));
    expect(first.map(({ equality, sent }) => [equality, sent.layers])).toEqual([
      ['identical', 2],
      ['identical', 0],
    ]);
    const tarred = `oci-archive:${join(lab.dir, 'out.tar')}`;
    const second = copied(await lab.copy([out()], tarred, { allow: 'identical' }));
    const saved = `docker-archive:${join(lab.dir, 'saved.tar')}`;
    const third = copied(await lab.copy([tarred], saved, { allow: 'identical' }));
    for (const results of [second, third])
      expect(results.map(({ manifestDigest }) => manifestDigest)).toEqual(first.map((result) => result.manifestDigest));
    expect(lab.ran).not.toContain('layer.archive');
  });

  it('sends nothing that is there', async () => {
    const source = layout('in', [one, two]);
    await lab.copy([source], out());
    lab.ran.length = 0;
    const again = copied(await lab.copy([source], out()));
    expect(again.map(({ sent }) => sent)).toEqual([
      { layers: 0, bytes: 0 },
      { layers: 0, bytes: 0 },
    ]);
    expect(lab.ran).toEqual([]);
  });

  it('leaves nothing behind it', async () => {
    await lab.copy([layout('in', [one]), archive('b.tar', [bare])], out(), { compression: 'gzip' });
    expect(readdirSync(lab.formats.tempDir)).toEqual([]);
    expect(readdirSync(join(lab.dir, 'out')).toSorted()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  it('is done with a layer of a docker-archive without its digest being said', async () => {
    const packed = fixtureImage([gzipped], { names: ['packed:1'] });
    const [result] = copied(await lab.copy([archive('a.tar', [packed])], out()));
    expect(result).toMatchObject({ equality: 'manifest', profile: 'keep' });
    expect(blobsOf(out())).toContain(digestHex(gzipped.digest));
  });
});

describe('layers packed anew', () => {
  it.each(['none', 'gzip', 'zstd'] as const)('are %s then, and the tars they were', async (compression) => {
    const results = copied(await lab.copy([layout('in', [one]), archive('b.tar', [bare])], out(), { compression }));
    const images = await modernIn(out());
    expect(images).toHaveLength(2);
    for (const image of images) {
      expect(await diffIdsIn(image)).toEqual(image.layers.map(({ diffId }) => diffId));
      for (const { mediaType } of image.layers)
        expect(mediaType).toBe(compression === 'none' ? MEDIA.layer : `${MEDIA.layer}+${compression}`);
    }
    expect(results[0]).toMatchObject({ equality: 'diffids', profile: profileText(profileFor({ compression })) });
    expect(results[1]!.equality).toBe('manifest');
  });

  it('stay as they came where they are in that format, unless that is forced', async () => {
    const odd = { ...packedLayer(plain.tar), stored: pack(plain.tar, 'gzip'), compression: 'gzip' as const };
    odd.stored[9] = 3; // The system in the header: bytes that our own profile never gives.
    const image = fixtureImage([{ ...odd, digest: sha256Digest(odd.stored) }], { names: ['odd:1'] });
    const source = layout('in', [image]);
    const [kept] = copied(await lab.copy([source], out(), { compression: 'gzip' }));
    expect(kept).toMatchObject({ equality: 'identical', profile: 'keep' });
    const [forced] = copied(await lab.copy([source], out('forced'), { compression: 'gzip', repack: true }));
    expect(forced).toMatchObject({ equality: 'diffids' });
    expect(blobsOf(out('forced'))).toContain(digestHex(sha256Digest(pack(plain.tar, 'gzip'))));
  });

  it('are packed once for all sources that have them', async () => {
    const sources = ['a', 'b', 'c'].map((name) =>
      archive(`${name}.tar`, [fixtureImage([plain], { names: [`${name}:1`], config: { comment: name } })]),
    );
    const results = copied(await lab.copy(sources, out(), { compression: 'zstd' }));
    expect(lab.ran.filter((name) => name === 'layer.archive')).toHaveLength(1);
    expect(results.map(({ sent }) => sent.layers)).toEqual([1, 0, 0]);
    expect(results.map(({ names }) => names)).toEqual([['a:1'], ['b:1'], ['c:1']]);
  });

  it('are made in parts when they are large, to the same bytes', async () => {
    const big = packedLayer(tar([file('big', Buffer.alloc(21 * 1024 ** 2, 'layermill'))]));
    const image = fixtureImage([big], { names: ['big:1'] });
    await lab.copy([archive('big.tar', [image])], out(), { compression: 'gzip' });
    expect(lab.ran.filter((name) => name === 'layer.part')).toHaveLength(3);
    expect(lab.ran).toContain('blob.digest');
    const packed = pack(big.tar, 'gzip');
    const [{ layers }] = (await modernIn(out())) as [ModernImage];
    expect(readFileSync(inFile(layers[0]!.blob).path).equals(packed)).toBe(true);
  });

  it('whose tar is not the promised one are refused, in parts too', async () => {
    const big = packedLayer(tar([file('big', Buffer.alloc(17 * 1024 ** 2, 'layermill'))]));
    for (const layer of [plain, big, { ...gzipped, digest: gzipped.digest }]) {
      const image = fixtureImage([layer], { names: ['bad:1'] });
      const config = JSON.parse(image.config.toString()) as { rootfs: { diff_ids: string[] } };
      config.rootfs.diff_ids = [zstd.diffId];
      const raw = Buffer.from(JSON.stringify(config));
      const lying = { ...image, config: raw, configDigest: sha256Digest(raw) };
      const [result] = await lab.copy([archive('bad.tar', [lying])], out(), { compression: 'zstd', repack: true });
      expect(result!.error?.code).toMatch(/^(DIFF_ID|DIGEST)_MISMATCH$/);
      expect(() => statSync(join(lab.dir, 'out'))).toThrow('ENOENT');
      expect(readdirSync(lab.formats.tempDir)).toEqual([]);
    }
  });
});

describe('the cache of packed layers', () => {
  it('gives a second run what the first has made', async () => {
    const source = layout('in', [one]);
    const [first] = copied(await lab.copy([source], out(), { compression: 'zstd', cache: lab.cache() }));
    lab.ran.length = 0;
    const [second] = copied(await lab.copy([source], out('two'), { compression: 'zstd', cache: lab.cache() }));
    expect(second!.manifestDigest).toBe(first!.manifestDigest);
    expect(lab.ran).not.toContain('layer.archive');
    expect(lab.ran).toContain('blob.copy');
  });

  it('changes nothing of the files that destinations share with it', async () => {
    const source = archive('a.tar', [bare]);
    await lab.copy([source], out(), { compression: 'zstd', cache: lab.cache() });
    const blobs = join(lab.dir, 'out/blobs/sha256');
    const stateOf = (): bigint[] =>
      readdirSync(blobs).map((name) => statSync(join(blobs, name), { bigint: true }).mtimeNs);
    const before = stateOf();
    await lab.copy([source], out('two'), { compression: 'zstd', cache: lab.cache() });
    expect(lab.ran.filter((name) => name === 'layer.archive')).toHaveLength(1);
    expect(stateOf()).toEqual(before);
  });

  it('drops a blob that was damaged, and makes it again', async () => {
    const source = archive('a.tar', [bare]);
    const [first] = copied(await lab.copy([source], out(), { compression: 'gzip', cache: lab.cache() }));
    const kept = join(lab.dir, 'cache/blobs/sha256');
    const [name] = readdirSync(kept);
    const bytes = readFileSync(join(kept, name!));
    rmSync(join(kept, name!));
    writeFileSync(join(kept, name!), Buffer.alloc(bytes.length, 1));
    lab.ran.length = 0;
    const [second] = copied(await lab.copy([source], out('two'), { compression: 'gzip', cache: lab.cache() }));
    expect(second!.manifestDigest).toBe(first!.manifestDigest);
    expect(lab.ran).toContain('layer.archive');
    expect(readFileSync(join(kept, name!)).equals(bytes)).toBe(true);
  });

  it('does not take the word of a config for what is in a packed layer', async () => {
    await lab.copy([archive('a.tar', [bare])], out(), { compression: 'zstd', cache: lab.cache() });
    // Its config says that the gzip of another layer is the one that is in the cache.
    const lying = new FixtureLayout();
    const config = lying.blob(bare.config, MEDIA.config);
    const layer = lying.blob(gzipped.stored, `${MEDIA.layer}+gzip`);
    lying.list([named(lying.manifest({ config, layers: [layer] }), 'lying:1')]);
    const source = `oci:${writeDirectory(join(lab.dir, 'lying'), lying.files)}`;
    const [result] = await lab.copy([source], out('two'), { compression: 'zstd', cache: lab.cache() });
    expect(result).toMatchObject({ error: { code: 'DIFF_ID_MISMATCH' } });
  });

  it('that cannot be written is said once, and is no failure', async () => {
    writeFileSync(join(lab.dir, 'cache'), 'a file');
    const results = copied(
      await lab.copy([archive('a.tar', [bare])], out(), { compression: 'zstd', cache: lab.cache() }),
    );
    expect(results).toHaveLength(1);
    expect(lab.warnings.filter((warning) => warning.includes('cache'))).toHaveLength(1);
  });
});

describe('what may change', () => {
  it.each([
    ['identical', { compression: 'zstd', repack: true }, 'diffids'],
    ['diffids', { format: 'docker' }, 'manifest'],
  ] as const)('more than %s is refused, and the others go on', async (allow, options, change) => {
    const results = await lab.copy([layout('in', [one])], out(), { allow, ...options });
    expect(results).toMatchObject([{ error: { code: 'CHANGE_NOT_ALLOWED', details: { change, allowed: allow } } }]);
  });

  it('a manifest that is to be preserved says why it cannot be', async () => {
    const [archived] = await lab.copy([archive('a.tar', [bare])], out(), { preserveDigests: true });
    expect(archived).toMatchObject({
      error: { code: 'MANIFEST_NOT_PRESERVED', details: { reason: 'it came without one' } },
    });
  });

  it('a manifest keeps its annotations when its layers are packed anew, and loses what spoke of the packing', async () => {
    const made = new FixtureLayout();
    const config = made.blob(two.config, MEDIA.config);
    const layer = {
      ...made.blob(gzipped.stored, `${MEDIA.layer}+gzip`),
      annotations: { note: 'stays', 'io.containers.estargz.uncompressed-size': '1' },
    };
    made.list([named(made.manifest({ config, layers: [layer], annotations: { vendor: 'us' } }), 'two:1')]);
    const source = `oci:${writeDirectory(join(lab.dir, 'in'), made.files)}`;
    await lab.copy([source], out(), { compression: 'zstd' });
    const [image] = await modernIn(out());
    const written = JSON.parse(image!.manifest!.raw.toString()) as {
      annotations: object;
      layers: { annotations: object }[];
    };
    expect(written.annotations).toEqual({ vendor: 'us' });
    expect(written.layers[0]!.annotations).toEqual({ note: 'stays' });
  });

  it('a manifest in the other format has its types throughout', async () => {
    await lab.copy([layout('in', [one])], out(), { format: 'docker' });
    const [image] = await modernIn(out());
    expect(image!.manifest!.mediaType).toBe(MEDIA.dockerManifest);
    expect(image!.layers.map(({ mediaType }) => mediaType)).toEqual([
      `${MEDIA.dockerLayer}.gzip`,
      `${MEDIA.dockerLayer}.zstd`,
    ]);
    await lab.copy([out()], out('back'), { format: 'oci' });
    const [back] = await modernIn(out('back'));
    const [original] = await modernIn(layout('in', [one]));
    expect(JSON.parse(back!.manifest!.raw.toString())).toEqual(JSON.parse(original!.manifest!.raw.toString()));
  });

  it('names are added to those that an image has', async () => {
    await lab.copy([layout('in', [two])], `docker-archive:${join(lab.dir, 's.tar')}`, { additionalNames: ['extra:2'] });
    expect((await modernIn(`docker-archive:${join(lab.dir, 's.tar')}`))[0]!.names).toEqual(['two:1', 'extra:2']);
    await lab.copy([layout('in', [two])], `${out()}:ref`, { additionalNames: ['extra:2'] });
    const [image] = await modernIn(out());
    expect(image!.names).toEqual(expect.arrayContaining(['two:1', 'extra:2']));
  });
});

describe('an index', () => {
  const arm = fixtureImage([zstd], { config: { architecture: 'arm64' } });
  const amd = fixtureImage([gzipped]);

  function indexed(): { source: string; index: FixtureDescriptor } {
    const made = new FixtureLayout();
    const platform = (architecture: string): { platform: Record<string, string> } => ({
      platform: { os: 'linux', architecture },
    });
    const index = made.index([
      { ...made.image(amd), ...platform('amd64') },
      { ...made.image(arm), ...platform('arm64') },
    ]);
    made.list([named(index, 'multi:1')]);
    return { source: `oci:${writeDirectory(join(lab.dir, 'multi'), made.files)}`, index };
  }

  it('is copied as it is, with all its images', async () => {
    const { source, index } = indexed();
    const results = copied(await lab.copy([source], out(), { preserveDigests: true }));
    expect(results.map(({ equality }) => equality)).toEqual(['identical', 'identical']);
    const { items } = await readAll(out(), lab.formats.context);
    expect(items.at(-1)).toMatchObject({ kind: 'index', digest: index.digest, names: ['multi:1'] });
  });

  it('of which an image fails is not copied without it', async () => {
    const { source } = indexed();
    writeFileSync(join(lab.dir, 'multi/blobs/sha256', digestHex(zstd.digest)), Buffer.alloc(zstd.stored.length));
    const results = await lab.copy([source], out());
    expect(results.map(({ error }) => error?.code ?? 'copied')).toEqual([
      'copied',
      'DIGEST_MISMATCH',
      'INDEX_INCOMPLETE',
    ]);
    const { items } = await readAll(out(), lab.formats.context);
    expect(items.map(({ kind }) => kind)).toEqual(['modern']);
  });

  it('lists what its images have become', async () => {
    const { source } = indexed();
    const results = copied(await lab.copy([source], out(), { compression: 'zstd' }));
    const { items } = await readAll(out(), lab.formats.context);
    expect(items.map(({ kind }) => kind)).toEqual(['modern', 'modern', 'index']);
    expect(items.at(-1)).toMatchObject({
      names: ['multi:1'],
      members: results.map(({ manifestDigest }) => ({ digest: manifestDigest })),
    });
  });
});

describe('v1 images', () => {
  const base = { id: v1Id('a') };
  const child = { id: v1Id('b'), parent: v1Id('a'), json: { comment: 'child' } };
  const legacy = (): string =>
    `docker-archive:${writeArchiveFile(
      join(lab.dir, 'old.tar'),
      legacyArchiveFiles([base, child], { app: { '1': v1Id('b') } }),
    )}`;

  it('become content-addressed ones', async () => {
    const [result] = copied(await lab.copy([legacy()], out(), { compression: 'gzip' }));
    expect(result).toMatchObject({ names: ['app:1'], equality: 'config', layers: 2 });
    const [image] = await modernIn(out());
    expect(await diffIdsIn(image!)).toEqual(image!.layers.map(({ diffId }) => diffId));
  });

  it('of two sources are two, whatever ids they have', async () => {
    const layer = tar([file('other', 'base')]);
    const others = [
      { ...base, layer },
      { ...child, json: { comment: 'other child' } },
    ];
    const path = join(lab.dir, 'other.tar');
    const other = `docker-archive:${writeArchiveFile(path, legacyArchiveFiles(others, { other: { '1': v1Id('b') } }))}`;
    copied(await lab.copy([legacy(), other], out()));
    const images = await modernIn(out());
    expect(images.map(({ names }) => names)).toEqual([['app:1'], ['other:1']]);
    expect(images[1]!.layers[0]!.diffId).toBe(sha256Digest(layer));
    expect(await diffIdsIn(images[1]!)).toEqual(images[1]!.layers.map(({ diffId }) => diffId));
  });

  it('stay what they are in a legacy archive', async () => {
    const to = `docker-archive:${join(lab.dir, 'again.tar')}`;
    const [result] = copied(await lab.copy([legacy()], to, { legacy: true, allow: 'identical' }));
    expect(result).toMatchObject({ equality: 'identical', equal: 'same ids, JSON and layers' });
    const { items } = await readAll(to, lab.formats.context);
    expect(items).toMatchObject([{ kind: 'legacy', names: ['app:1'], chain: [{ id: v1Id('a') }, { id: v1Id('b') }] }]);
  });

  it('are made of content-addressed ones', async () => {
    const to = `docker-archive:${join(lab.dir, 'v1.tar')}`;
    const [result] = copied(await lab.copy([layout('in', [one])], to, { legacy: true, compression: 'none' }));
    expect(result!.equality).toBe('config');
    const { items } = await readAll(to, lab.formats.context);
    expect(items).toMatchObject([{ kind: 'legacy', names: ['one:1'] }]);
  });
});

describe('a dry run', () => {
  it('says what would be done, and does nothing', async () => {
    const results = copied(await lab.copy([layout('in', [one]), archive('b.tar', [bare])], out(), { dryRun: true }));
    expect(results.map(({ sent, equality }) => [sent.layers, equality])).toEqual([
      [2, 'identical'],
      [1, 'manifest'],
    ]);
    expect(() => statSync(join(lab.dir, 'out'))).toThrow('ENOENT');
    expect(lab.ran.filter((name) => name !== 'archive.index')).toEqual([]);
  });

  it('knows what is there', async () => {
    await lab.copy([layout('in', [two])], out());
    const [result] = copied(await lab.copy([layout('in', [one])], out(), { dryRun: true }));
    expect(result!.sent.layers).toBe(1);
  });
});

describe('trouble', () => {
  it('with one source leaves the others alone', async () => {
    const results = await lab.copy([join(lab.dir, 'missing.tar'), archive('b.tar', [bare])], out());
    expect(results).toMatchObject([
      { ref: null, error: { code: 'FILE_NOT_FOUND' } },
      { names: ['bare:1'], error: null },
    ]);
    expect(await modernIn(out())).toHaveLength(1);
  });

  it('with the blob of a layer leaves no image of it', async () => {
    const source = layout('in', [one, two]);
    writeFileSync(join(lab.dir, 'in/blobs/sha256', digestHex(zstd.digest)), Buffer.alloc(zstd.stored.length));
    const results = await lab.copy([source], out());
    expect(results).toMatchObject([{ error: { code: 'DIGEST_MISMATCH' } }, { names: ['two:1'], error: null }]);
    expect(blobsOf(out())).not.toContain(digestHex(zstd.digest));
  });

  it('with the config of an image is found also when another image brings the same packed layer', async () => {
    const lying = fixtureImage([{ ...gzipped, diffId: plain.diffId }], { names: ['lying:1'] });
    for (const images of [
      [two, lying],
      [lying, two],
    ]) {
      const first = images[0] === two ? 'two' : 'lying';
      const to = out(`out-${first}`);
      const results = await lab.copy([layout(first, images)], to, { compression: 'zstd' });
      const failed = results.filter(({ error }) => error !== null);
      expect(failed).toMatchObject([{ error: { code: 'DIFF_ID_MISMATCH' } }]);
      expect((await modernIn(to)).map(({ names }) => names)).toEqual([['two:1']]);
    }
  });

  it('with a blob that would only be linked is found as well', async () => {
    const source = layout('in', [one]);
    writeFileSync(join(lab.dir, 'in/blobs/sha256', digestHex(zstd.digest)), Buffer.alloc(zstd.stored.length));
    const [result] = await lab.copy([source], `oci-archive:${join(lab.dir, 'out.tar')}`);
    expect(result).toMatchObject({ error: { code: 'DIGEST_MISMATCH' } });
  });
});
