import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestHex } from '../../../src/identity/digest.ts';
import type { SourceItem } from '../../../src/image/image-source.ts';
import { type FormatLab, openFormatLab, readAll } from '../../support/format-context.ts';
import {
  type FixtureDescriptor,
  fixtureImage,
  FixtureLayout,
  fixtureLayer,
  json,
  MEDIA,
  named,
  writeArchiveFile,
  writeDirectory,
} from '../../support/image-fixture.ts';

const base = fixtureLayer({ 'bin/sh': 'shell' });
const top = fixtureLayer({ 'etc/motd': 'hello' }, 'zstd');
const image = fixtureImage([base, top]);
const arm = fixtureImage([base], { config: { architecture: 'arm64', variant: 'v8' } });
const AMD64 = { platform: { os: 'linux', architecture: 'amd64' } };
const ARM64 = { platform: { os: 'linux', architecture: 'arm64' } };
const HEX = 'a'.repeat(64);

let lab: FormatLab;
beforeAll(() => {
  lab = openFormatLab();
});
afterAll(() => lab.close());

let count = 0;
function directoryOf(layout: FixtureLayout): string {
  return writeDirectory(join(lab.dir, `app-${count++}`), layout.files);
}

async function read(layout: FixtureLayout | string, ref = ''): Promise<{ items: SourceItem[]; warnings: string[] }> {
  const path = typeof layout === 'string' ? layout : directoryOf(layout);
  return readAll(`oci:${path}${ref}`, lab.context);
}

async function codesOf(layout: FixtureLayout | string, ref = ''): Promise<string[]> {
  const { items } = await read(layout, ref);
  return items.map((item) => (item.kind === 'broken' ? item.error.code : item.kind));
}

/** A layout that lists one manifest, made and changed by the function. */
function listing(make: (layout: FixtureLayout) => FixtureDescriptor): FixtureLayout {
  const layout = new FixtureLayout();
  return layout.list([make(layout)]);
}

describe('an image of an OCI layout', () => {
  it('is what its manifest and config say, in a directory and in an archive', async () => {
    const layout = new FixtureLayout();
    const descriptor = layout.image(image);
    layout.list([named(descriptor, 'latest', 'docker.io/library/app:latest')]);
    const path = directoryOf(layout);
    const archive = writeArchiveFile(join(lab.dir, `${count++}.tar`), layout.files);
    for (const location of [`oci:${path}`, `oci-archive:${archive}`, path, archive]) {
      const { items, warnings } = await readAll(location, lab.context);
      expect(warnings).toEqual([]);
      expect(items).toMatchObject([
        {
          kind: 'modern',
          ref: 'app:latest',
          names: ['app:latest'],
          config: image.config,
          configDigest: image.configDigest,
          platform: { os: 'linux', architecture: 'amd64' },
          layers: [
            { diffId: base.diffId, blob: { digest: base.digest, size: base.stored.length }, mediaType: MEDIA.layer },
            {
              diffId: top.diffId,
              blob: { digest: top.digest, size: top.stored.length },
              mediaType: `${MEDIA.layer}+zstd`,
            },
          ],
          manifest: { digest: descriptor.digest, mediaType: MEDIA.manifest },
        },
      ]);
    }
    expect(readdirSync(lab.tempDir)).toEqual([]);
  });

  it('may be Docker’s', async () => {
    const layout = listing((made) =>
      made.manifest(
        {
          config: made.blob(image.config, MEDIA.dockerConfig),
          layers: [made.blob(base.stored, MEDIA.dockerLayer), made.blob(top.stored, `${MEDIA.dockerLayer}.zstd`)],
        },
        MEDIA.dockerManifest,
      ),
    );
    expect(await codesOf(layout)).toEqual(['modern']);
  });

  it('is one image, however often it is listed', async () => {
    const layout = new FixtureLayout();
    const descriptor = layout.image(image);
    layout.list([named(descriptor, 'a/b:1'), descriptor, named(descriptor, 'a/b:2'), named(descriptor, 'a/b:1')]);
    expect((await read(layout)).items).toMatchObject([{ ref: 'a/b:1', names: ['a/b:1', 'a/b:2'] }]);
  });

  it('without a name is called by its digest', async () => {
    const layout = listing((made) => made.image(image));
    const { items } = await read(layout);
    expect(items).toMatchObject([{ names: [], ref: expect.stringMatching(/^sha256:/) as string }]);
  });

  it('may have its config inside its manifest (ID-8)', async () => {
    const layout = listing((made) => {
      const config = { ...made.blob(image.config, MEDIA.config), data: image.config.toString('base64') };
      made.files.delete(`blobs/sha256/${digestHex(image.configDigest)}`);
      return made.manifest({
        config,
        layers: [made.blob(base.stored, MEDIA.layer), made.blob(top.stored, `${MEDIA.layer}+zstd`)],
      });
    });
    expect(await codesOf(layout)).toEqual(['modern']);
  });

  it('may have a layer twice (ID-9)', async () => {
    expect(await codesOf(listing((made) => made.image(fixtureImage([base, base]))))).toEqual(['modern']);
  });

  it('goes on beside a broken one (I15)', async () => {
    const layout = new FixtureLayout();
    const broken = { ...layout.image(arm), digest: `sha256:${HEX}` };
    layout.list([broken, layout.image(image)]);
    expect(await codesOf(layout)).toEqual(['BLOB_MISSING', 'modern']);
  });
});

describe('an image of an OCI layout is broken when', () => {
  const without = (digest: string) => (layout: FixtureLayout) => {
    layout.files.delete(`blobs/sha256/${digest.slice(7)}`);
  };
  it.each<[string, (layout: FixtureLayout, manifest: FixtureDescriptor) => void, string]>([
    ['its manifest is missing (I17)', (layout, { digest }) => without(digest)(layout), 'BLOB_MISSING'],
    ['its config is missing (I17)', without(image.configDigest), 'BLOB_MISSING'],
    ['a layer is missing (I17)', without(top.digest), 'BLOB_MISSING'],
    [
      'its manifest has other bytes (G1)',
      (layout, { digest, size }) => layout.files.set(`blobs/sha256/${digest.slice(7)}`, Buffer.alloc(size, '{')),
      'DIGEST_MISMATCH',
    ],
    [
      'its config has other bytes (G1)',
      (layout) =>
        layout.files.set(`blobs/sha256/${digestHex(image.configDigest)}`, Buffer.alloc(image.config.length, '{')),
      'DIGEST_MISMATCH',
    ],
    [
      'a layer is shorter than it was said to be (G2)',
      (layout) => layout.files.set(`blobs/sha256/${digestHex(top.digest)}`, top.stored.subarray(1)),
      'SIZE_MISMATCH',
    ],
    [
      'a layer is longer than it was said to be (G2)',
      (layout) =>
        layout.files.set(`blobs/sha256/${digestHex(top.digest)}`, Buffer.concat([top.stored, Buffer.alloc(1)])),
      'SIZE_MISMATCH',
    ],
  ])('%s', async (_what, change, code) => {
    const layout = new FixtureLayout();
    const descriptor = layout.image(image);
    change(layout, descriptor);
    expect(await codesOf(layout.list([descriptor]))).toEqual([code]);
  });

  it.each<[string, (layout: FixtureLayout) => FixtureDescriptor, string]>([
    ['it has fewer layers than its config (G6)', (made) => made.image({ ...image, layers: [base] }), 'CONFIG_INVALID'],
    [
      'its config has no rootfs',
      (made) => made.image(fixtureImage([], { config: { rootfs: null } })),
      'CONFIG_INVALID',
    ],
    [
      'a layer is of a kind that cannot be applied (I24)',
      (made) =>
        made.manifest({
          config: made.blob(arm.config, MEDIA.config),
          layers: [made.blob(base.stored, 'application/vnd.sylabs.image.layer.v1.squashfs')],
        }),
      'MEDIA_TYPE_UNSUPPORTED',
    ],
    [
      'a layer is encrypted (I24)',
      (made) =>
        made.manifest({
          config: made.blob(arm.config, MEDIA.config),
          layers: [made.blob(base.stored, `${MEDIA.layer}+gzip+encrypted`)],
        }),
      'MEDIA_TYPE_UNSUPPORTED',
    ],
    [
      'a foreign layer is elsewhere, and it is not fetched (I23)',
      (made) =>
        made.manifest({
          config: made.blob(arm.config, MEDIA.config),
          layers: [
            {
              mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
              digest: `sha256:${HEX}`,
              size: 10,
              urls: ['file:///etc/passwd', 'http://169.254.169.254/'],
            },
          ],
        }),
      'BLOB_MISSING',
    ],
    ['it is an index under the name of a manifest (G15)', (made) => made.manifest({ manifests: [] }), 'JSON_INVALID'],
    ['it is both (G14)', (made) => made.image(image, { manifests: [] }), 'JSON_INVALID'],
    [
      'its manifest is too long (H1)',
      (made) => made.blob(Buffer.alloc(5 * 1024 * 1024, ' '), MEDIA.manifest),
      'LIMIT_EXCEEDED',
    ],
  ])('%s', async (_what, make, code) => {
    expect(await codesOf(listing(make))).toEqual([code]);
  });
});

describe('a multi-platform index', () => {
  const pair = (layout: FixtureLayout): FixtureDescriptor =>
    layout.index([
      { ...layout.image(image), ...AMD64 },
      { ...layout.image(arm), ...ARM64 },
    ]);

  it('comes after its images, and has their names', async () => {
    const layout = new FixtureLayout();
    const index = pair(layout);
    const { items } = await read(layout.list([named(index, 'a/b:1')]));
    expect(items).toMatchObject([
      { kind: 'modern', ref: 'a/b:1 (linux/amd64)', names: [], configDigest: image.configDigest },
      { kind: 'modern', ref: 'a/b:1 (linux/arm64)', names: [], configDigest: arm.configDigest },
      {
        kind: 'index',
        ref: 'a/b:1',
        names: ['a/b:1'],
        raw: layout.files.get(`blobs/sha256/${index.digest.slice(7)}`),
        mediaType: MEDIA.index,
        digest: index.digest,
        members: [
          { platform: AMD64.platform, configDigest: image.configDigest },
          { platform: ARM64.platform, configDigest: arm.configDigest },
        ],
        attachments: [],
      },
    ]);
  });

  it('keeps attestations as blobs that travel with it (S6)', async () => {
    const layout = new FixtureLayout();
    const statement = layout.blob(json({ statement: true }), 'application/vnd.in-toto+json');
    const config = layout.blob(fixtureImage([base]).config, MEDIA.config);
    const attestation = layout.manifest({ config, layers: [statement] });
    const unknown = layout.blob(Buffer.from('anything'), 'application/x-anything');
    const index = layout.index([
      { ...layout.image(image), ...AMD64 },
      { ...attestation, platform: { os: 'unknown', architecture: 'unknown' } },
      unknown,
    ]);
    const { items } = await read(layout.list([index]));
    expect(items).toMatchObject([
      { kind: 'modern' },
      {
        kind: 'index',
        members: [
          { configDigest: image.configDigest },
          { digest: attestation.digest, configDigest: null },
          { digest: unknown.digest, configDigest: null },
        ],
        attachments: [attestation, config, statement, unknown].map(({ digest, size }) => ({ digest, size })),
      },
    ]);
  });

  it('inside another is read as part of it, and kept', async () => {
    const layout = new FixtureLayout();
    const inner = pair(layout);
    const outer = layout.index([inner]);
    const { items } = await read(layout.list([named(outer, 'a/b:1')]));
    expect(items.map(({ kind }) => kind)).toEqual(['modern', 'modern', 'index']);
    expect(items[2]).toMatchObject({
      digest: outer.digest,
      members: [{ digest: inner.digest, configDigest: null }, { configDigest: image.configDigest }, {}],
      attachments: [{ digest: inner.digest }],
    });
  });

  const chosen = (layout: FixtureLayout, ...architectures: string[]): ReturnType<typeof readAll> =>
    readAll(`oci:${directoryOf(layout)}`, {
      ...lab.context,
      platforms: architectures.map((architecture) => ({ os: 'linux', architecture })),
    });

  it('gives the images for the platforms that were chosen, and statements about them', async () => {
    const layout = new FixtureLayout();
    const about = (digest: string, text: string): FixtureDescriptor => ({
      ...layout.manifest({ config: layout.blob(json({ text }), 'application/x-statement'), layers: [] }),
      annotations: { 'vnd.docker.reference.digest': digest },
    });
    const [first, second] = [layout.image(image), layout.image(arm)];
    const [one, two] = [about(first.digest, 'one'), about(second.digest, 'two')];
    layout.list([layout.index([{ ...first, ...AMD64 }, second, one, two])]);
    const { items } = await chosen(layout, 'amd64');
    expect(items).toMatchObject([
      { kind: 'modern', configDigest: image.configDigest },
      {
        kind: 'index',
        members: [
          { digest: first.digest, configDigest: image.configDigest },
          { digest: second.digest, configDigest: null },
          { digest: one.digest },
          { digest: two.digest },
        ],
        attachments: [{ digest: one.digest }, {}],
      },
    ]);
  });

  it('that has none of the platforms chosen is an error of its own', async () => {
    const layout = new FixtureLayout();
    const { items } = await chosen(layout.list([pair(layout)]), 's390x');
    expect(items).toMatchObject([{ kind: 'broken', error: { code: 'UNSUPPORTED_PLATFORM' } }]);
  });

  it('is not followed for ever into others (I16)', async () => {
    const layout = new FixtureLayout();
    let index = pair(layout);
    for (let depth = 0; depth < 20; depth++) index = layout.index([index]);
    expect(await codesOf(layout.list([index]))).toEqual(['LIMIT_EXCEEDED']);
  });

  it('that refers to itself is not what its digest says (I16)', async () => {
    const layout = new FixtureLayout();
    const self = { mediaType: MEDIA.index, digest: `sha256:${HEX}`, size: 0 };
    const raw = json({ schemaVersion: 2, mediaType: MEDIA.index, manifests: [self] });
    self.size = raw.length;
    layout.files.set(`blobs/sha256/${HEX}`, json({ schemaVersion: 2, mediaType: MEDIA.index, manifests: [self] }));
    self.size = (layout.files.get(`blobs/sha256/${HEX}`) as Buffer).length;
    expect(await codesOf(layout.list([self]))).toEqual(['DIGEST_MISMATCH']);
  });

  it('of which only some images are here gives those, and says so (I17)', async () => {
    const layout = new FixtureLayout();
    const index = pair(layout);
    const absent = layout.image(arm).digest;
    layout.files.delete(`blobs/sha256/${absent.slice(7)}`);
    const { items, warnings } = await read(layout.list([named(index, 'a/b:1')]));
    expect(items).toMatchObject([
      { kind: 'modern' },
      { kind: 'index', members: [{ configDigest: image.configDigest }, { digest: absent, configDigest: null }] },
    ]);
    expect(warnings).toHaveLength(1);
  });

  it('of which nothing is here is broken', async () => {
    const layout = new FixtureLayout();
    const index = layout.index([{ mediaType: MEDIA.manifest, digest: `sha256:${HEX}`, size: 10 }]);
    expect(await codesOf(layout.list([index]))).toEqual(['BLOB_MISSING']);
  });

  it('gives its good images when one is broken', async () => {
    const layout = new FixtureLayout();
    const index = pair(layout);
    layout.files.delete(`blobs/sha256/${digestHex(arm.configDigest)}`);
    expect(await codesOf(layout.list([index]))).toEqual(['modern', 'BLOB_MISSING', 'index']);
  });
});

describe('an OCI layout', () => {
  it.each([
    ['empty', []],
    ['null (I20)', null],
  ])('whose index is %s has no images, and that is no failure', async (_what, manifests) => {
    expect(await codesOf(new FixtureLayout().list(manifests))).toEqual([]);
  });

  it('in an archive may have its images in manifest.json instead (I20)', async () => {
    const layout = new FixtureLayout().list(null);
    layout.image(image);
    const blob = (digest: string): string => `blobs/sha256/${digest.slice(7)}`;
    const manifest = [
      { Config: blob(image.configDigest), RepoTags: ['a:1'], Layers: [blob(base.digest), blob(top.digest)] },
    ];
    layout.files.set('manifest.json', json(manifest));
    const path = writeArchiveFile(join(lab.dir, `${count++}.tar`), layout.files);
    const { items } = await readAll(`oci-archive:${path}`, lab.context);
    expect(items).toMatchObject([{ kind: 'modern', names: ['a:1'] }]);
  });

  it('of other things than images is told from one that is broken', async () => {
    const layout = new FixtureLayout();
    const helm = layout.manifest({
      config: layout.blob(json({}), 'application/vnd.cncf.helm.config.v1+json'),
      layers: [],
    });
    const bare = layout.manifest({ artifactType: 'application/x', layers: null });
    layout.list([helm, bare, layout.index([helm]), { mediaType: 'application/x', digest: `sha256:${HEX}`, size: 1 }]);
    await expect(read(layout)).rejects.toMatchObject({ code: 'NOT_AN_IMAGE' });
  });

  it('that also has signatures gives its images, and says what was skipped', async () => {
    const layout = new FixtureLayout();
    const signature = layout.manifest({
      config: layout.blob(arm.config, MEDIA.config),
      layers: [layout.blob(json({}), 'application/vnd.dev.cosign.simplesigning.v1+json')],
    });
    const { items, warnings } = await read(layout.list([layout.image(image), named(signature, 'sig')]));
    expect(items).toMatchObject([{ kind: 'modern' }]);
    expect(warnings).toHaveLength(1);
  });

  it('without an oci-layout file is accepted, and that is said (I18)', async () => {
    const layout = listing((made) => made.image(image));
    layout.files.delete('oci-layout');
    expect((await read(layout)).warnings).toEqual(['the layout has no oci-layout file']);
    expect(await codesOf(layout)).toEqual(['modern']);
  });

  it('of another version is refused (I18)', async () => {
    const layout = listing((made) => made.image(image));
    layout.files.set('oci-layout', json({ imageLayoutVersion: '9' }));
    await expect(read(layout)).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
  });

  it.each([
    ['no JSON', Buffer.from('nope'), 'JSON_INVALID'],
    ['too long (H1)', Buffer.alloc(5 * 1024 * 1024, ' '), 'LIMIT_EXCEEDED'],
    [
      'full of digests that climb (G8)',
      json({ schemaVersion: 2, manifests: [{ mediaType: MEDIA.manifest, size: 1, digest: 'sha256:../../x' }] }),
      'INVALID_DIGEST',
    ],
  ])('whose index.json is %s is refused', async (_what, raw, code) => {
    const layout = listing((made) => made.image(image));
    layout.files.set('index.json', raw);
    await expect(read(layout)).rejects.toMatchObject({ code });
  });

  it('without index.json is no image', async () => {
    await expect(read(new FixtureLayout())).rejects.toMatchObject({ code: 'NOT_AN_IMAGE' });
  });
});

describe('links in a layout directory', () => {
  function withLink(target: (path: string) => string): string {
    const layout = listing((made) => made.image(image));
    layout.files.set('elsewhere', top.stored);
    const path = directoryOf(layout);
    const blob = join(path, 'blobs/sha256', digestHex(top.digest));
    rmSync(blob);
    symlinkSync(target(path), blob);
    return path;
  }

  it('are followed as long as they stay inside (I19)', async () => {
    const path = withLink(() => '../../elsewhere');
    const { items } = await read(path);
    expect(items).toMatchObject([{ kind: 'modern', layers: [{}, { blob: { path: join(path, 'elsewhere') } }] }]);
  });

  it.each(['/etc/passwd', '/proc/self/environ', '../../../../../../../../etc/passwd'])(
    'are not followed to %s (I19, ID-43)',
    async (target) => {
      expect(await codesOf(withLink(() => target))).toEqual(['ARCHIVE_INVALID']);
    },
  );

  it('are not followed to a directory beside it whose name begins like its own', async () => {
    const path = withLink((layout) => `${layout}-evil/blob`);
    mkdirSync(`${path}-evil`);
    writeFileSync(`${path}-evil/blob`, top.stored);
    expect(await codesOf(path)).toEqual(['ARCHIVE_INVALID']);
  });

  it('in circles are refused', async () => {
    expect(await codesOf(withLink(() => digestHex(top.digest)))).toEqual(['ARCHIVE_INVALID']);
  });

  it('do not lead index.json out of it either', async () => {
    const path = directoryOf(listing((made) => made.image(image)));
    rmSync(join(path, 'index.json'));
    symlinkSync('/etc/passwd', join(path, 'index.json'));
    await expect(read(path)).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
  });

  it('are none of the directory’s own: it may be reached through one', async () => {
    const path = directoryOf(listing((made) => made.image(image)));
    symlinkSync(path, `${path}-link`);
    expect(await codesOf(`${path}-link`)).toEqual(['modern']);
  });

  it('and fifos in the place of blobs are refused without waiting (I7)', async () => {
    const path = directoryOf(listing((made) => made.image(image)));
    const blob = join(path, 'blobs/sha256', digestHex(top.digest));
    rmSync(blob);
    execFileSync('mkfifo', [blob]);
    expect(await codesOf(path)).toEqual(['ARCHIVE_INVALID']);
  });
});

describe('blobs of an archive', () => {
  it.each(['../../elsewhere', '/etc/passwd'])('are regular members, never links to %s (ID-43)', async (target) => {
    const layout = listing((made) => made.image(image));
    layout.files.set('elsewhere', top.stored);
    layout.files.set(`blobs/sha256/${digestHex(top.digest)}`, target);
    const path = writeArchiveFile(join(lab.dir, `${count++}.tar`), layout.files);
    const { items } = await readAll(`oci-archive:${path}`, lab.context);
    expect(items).toMatchObject([{ kind: 'broken', error: { code: 'ARCHIVE_INVALID' } }]);
  });
});

describe('one image of a layout', () => {
  const layout = new FixtureLayout();
  const first = layout.image(image);
  const second = layout.image(arm);
  layout.list([
    named(first, '1.0'),
    named(first, 'other/name:2'),
    named(second, 'latest', 'docker.io/library/app:arm'),
    named(first, 'twice'),
    named(second, 'twice'),
  ]);

  it.each([
    [':1.0', image.configDigest],
    [':other/name:2', image.configDigest],
    [':latest', arm.configDigest],
    [':app:arm', arm.configDigest],
    [':docker.io/library/app:arm', arm.configDigest],
    [`:${first.digest}`, image.configDigest],
    [':@2', arm.configDigest],
  ])('is asked for by %s', async (ref, configDigest) => {
    expect((await read(layout, ref)).items).toMatchObject([{ configDigest }]);
  });

  it('keeps only the name that was asked for', async () => {
    expect((await read(layout, ':other/name:2')).items).toMatchObject([{ names: ['other/name:2'] }]);
  });

  it.each([':3', ':nobody:1', ':@9', `:sha256:${HEX}`])('that is not there is not found by %s', async (ref) => {
    await expect(read(layout, ref)).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  });

  it('is not guessed when two have the name (ID-41)', async () => {
    await expect(read(layout, ':twice')).rejects.toMatchObject({ code: 'ID_AMBIGUOUS' });
  });
});
