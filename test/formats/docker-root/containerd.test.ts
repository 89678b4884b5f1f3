import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isContainerdRoot, openContainerdRoot } from '../../../src/formats/docker-root/containerd/open.ts';
import type { RootListing, RootSource } from '../../../src/formats/docker-root/root-listing.ts';
import { hasCode, isEngineError } from '../../../src/errors/kinds.ts';
import { chainIds, sha256Digest } from '../../../src/identity/digest.ts';
import type { ModernImage, SourceItem } from '../../../src/image/image-source.ts';
import { tryLockExisting } from '../../../src/streams/lock-file.ts';
import { writeBolt } from '../../support/bolt-writer.ts';
import { codeOf } from '../../support/code-of.ts';
import { ContainerdRootWriter, goVarint } from '../../support/containerd-root.ts';
import { type FormatLab, openFormatLab } from '../../support/format-context.ts';
import { type FixtureDescriptor, fixtureImage, fixtureLayer, json } from '../../support/image-fixture.ts';
import { treeState } from '../../support/tree-state.ts';

const base = fixtureLayer({ 'bin/sh': 'shell' });
const top = fixtureLayer({ 'etc/motd': 'hello' }, 'gzip');
const image = fixtureImage([base, top]);
const other = fixtureImage([top]);
const arm = fixtureImage([fixtureLayer({ 'bin/sh': 'arm shell' })], { config: { architecture: 'arm64' } });
const AMD64 = { platform: { os: 'linux', architecture: 'amd64' } };
const ARM64 = { platform: { os: 'linux', architecture: 'arm64' } };
const CHAIN = chainIds([base.diffId, top.diffId]).at(-1)!;
const HUB = 'docker.io/library';

let lab: FormatLab;
let writer: ContainerdRootWriter;
beforeEach(() => {
  lab = openFormatLab();
  writer = new ContainerdRootWriter(join(lab.dir, 'root'));
});
afterEach(() => lab.close());

async function open(ref: string | null = null): Promise<RootSource> {
  writer.write();
  return openContainerdRoot(writer.root, ref, lab.context);
}

async function itemsOf(source: RootSource): Promise<SourceItem[]> {
  const before = treeState(writer.root);
  const items: SourceItem[] = [];
  for await (const item of source.images()) items.push(item);
  expect(treeState(writer.root)).toEqual(before);
  return items;
}

async function read(ref: string | null = null): Promise<SourceItem[]> {
  return itemsOf(await open(ref));
}

async function list(): Promise<RootListing> {
  return (await open()).listing();
}

/** In a line: what an item is, and what it is called. */
function inShort(item: SourceItem): string {
  if (item.kind === 'artifact') return `${item.kind} ${item.ref}`;
  const names = item.kind === 'broken' ? item.error.code : item.names.join(' ');
  return `${item.kind} ${item.ref}: ${names}`;
}

describe('images of containerd', () => {
  it('come with their digests, names and blobs', async () => {
    const manifest = writer.layout.image(image);
    writer.image('moby', `${HUB}/app:1`, manifest);
    const source = await open();
    const [item, ...more] = (await itemsOf(source)) as ModernImage[];
    expect(more).toEqual([]);
    expect(item).toMatchObject({ kind: 'modern', ref: 'app:1', names: ['app:1'], configDigest: image.configDigest });
    expect(item!.manifest!.digest).toBe(manifest.digest);
    expect(item!.layers.map(({ diffId, blob }) => [diffId, blob.digest])).toEqual([
      [base.diffId, base.digest],
      [top.diffId, top.digest],
    ]);
    expect(readFileSync((item!.layers[1]!.blob as { path: string }).path)).toEqual(top.stored);
    expect(source).toMatchObject({ transport: 'docker-root', location: writer.root, warnings: [] });
  });

  it('of all namespaces: Docker first, one entry for a digest, a name has one meaning', async () => {
    const [first, second] = [writer.layout.image(image), writer.layout.image(other)];
    writer.image('default', `${HUB}/app:1`, second);
    writer.image('k8s.io', 'ghcr.io/a/b:2', first);
    writer.image('k8s.io', sha256Digest('an id'), first);
    writer.image('moby', `${HUB}/app:1`, first);
    writer.image('moby', `${HUB}/app:latest`, first);
    const source = await open();
    expect((await itemsOf(source)).map(inShort)).toEqual([
      'modern app:1: app:1 app:latest ghcr.io/a/b:2',
      'modern docker.io/library/app:1: ',
    ]);
    expect(source.warnings).toEqual([
      '"docker.io/library/app:1" of the namespace "default" is another image than that of "moby", and is given without a name',
    ]);
  });

  it('without a tag have no name', async () => {
    const manifest = writer.layout.image(image);
    writer.image('moby', `moby-dangling@${manifest.digest}`, manifest);
    writer.image('k8s.io', `ghcr.io/a/b:1@${manifest.digest}`, manifest);
    writer.image('k8s.io', 'not a name', manifest);
    expect((await read()).map(inShort)).toEqual([`modern moby-dangling@${manifest.digest}: `]);
  });

  it('are selected by name, place or digest', async () => {
    const [first, second] = [writer.layout.image(image), writer.layout.image(other)];
    writer.image('moby', `${HUB}/app:1`, first);
    writer.image('moby', `${HUB}/app:2`, first);
    writer.image('moby', `${HUB}/zoo:latest`, second);
    expect((await read('app:2')).map(inShort)).toEqual(['modern app:2: app:2']);
    expect((await read('docker.io/library/app:1')).map(inShort)).toEqual(['modern app:1: app:1']);
    expect((await read('zoo')).map(inShort)).toEqual(['modern zoo:latest: zoo:latest']);
    expect((await read('@1')).map(inShort)).toEqual(['modern zoo:latest: zoo:latest']);
    expect((await read(first.digest)).map(inShort)).toEqual(['modern app:1: app:1 app:2']);
    expect((await read(second.digest.slice(7, 20))).map(inShort)).toEqual(['modern zoo:latest: zoo:latest']);
    expect((await read(image.configDigest)).map(inShort)).toEqual(['modern app:1: app:1 app:2']);
    expect((await read(other.configDigest.slice(7, 27))).map(inShort)).toEqual(['modern zoo:latest: zoo:latest']);
    writer.image('moby', `${HUB}/bad:1`, { ...first, digest: 'nonsense' });
    expect((await read('bad:1')).map(inShort)).toEqual(['broken docker.io/library/bad:1: INVALID_DIGEST']);
    for (const ref of ['app:3', '@2', 'zz', '']) {
      expect(await codeOf(read(ref))).toBe('IMAGE_NOT_FOUND');
    }
  });

  it('that a short digest does not tell apart are refused', async () => {
    // Of 17 digests two begin with the same digit.
    for (let index = 0; index < 17; index++) {
      const layer = fixtureLayer({ [`file-${index}`]: 'x' });
      writer.image('moby', `${HUB}/app:${index}`, writer.layout.image(fixtureImage([layer])));
    }
    const codes = new Set<unknown>();
    for (const digit of '0123456789abcdef') codes.add(await codeOf(read(digit)));
    expect(codes).toContain('ID_AMBIGUOUS');
  });

  it('are found in the directory of Docker too, and only there when it has images', async () => {
    writer = new ContainerdRootWriter(join(lab.dir, 'docker'), 'containerd/daemon');
    writer.bucket('moby', 'containers');
    writer.write();
    expect(await isContainerdRoot(writer.root)).toBe(false);
    writer.image('moby', `${HUB}/app:1`, writer.layout.image(image));
    writer.write();
    expect(await isContainerdRoot(writer.root)).toBe(true);
    expect(await isContainerdRoot(writer.at())).toBe(true);
    expect((await read()).map(inShort)).toEqual(['modern app:1: app:1']);
    writeFileSync(writer.database, 'damaged');
    expect(await isContainerdRoot(writer.root)).toBe(true);
    expect(await isContainerdRoot(lab.dir)).toBe(false);
    expect(await codeOf(openContainerdRoot(lab.dir, null, lab.context))).toBe('NOT_AN_IMAGE');
  });
});

describe('an index of containerd', () => {
  let amd64: FixtureDescriptor;
  let arm64: FixtureDescriptor;
  beforeEach(() => {
    amd64 = writer.layout.image(image);
    arm64 = writer.layout.image(arm);
    writer.image(
      'moby',
      `${HUB}/app:1`,
      writer.layout.index([
        { ...amd64, ...AMD64 },
        { ...arm64, ...ARM64 },
      ]),
    );
    writer.write();
  });

  async function left(): Promise<{ items: string[]; warnings: readonly string[] }> {
    const source = await openContainerdRoot(writer.root, null, lab.context);
    const items = (await itemsOf(source)).map(inShort);
    return { items, warnings: source.warnings ?? [] };
  }

  it('gives its images, then itself', async () => {
    const items = ['modern app:1 (linux/amd64): ', 'modern app:1 (linux/arm64): ', 'index app:1: app:1'];
    expect(await left()).toEqual({ items, warnings: [] });
  });

  it.each<['manifest' | 'config' | 'layer']>([['manifest'], ['config'], ['layer']])(
    'whose other platform is not here (its %s) is whole, with one warning',
    async (what) => {
      writer.remove({ manifest: arm64.digest, config: arm.configDigest, layer: arm.layers[0]!.digest }[what]);
      expect(await left()).toEqual({
        items: ['modern app:1 (linux/amd64): ', 'index app:1: app:1'],
        warnings: ['"app:1": 1 members of its index are not here'],
      });
    },
  );

  it('of which nothing is complete is broken', async () => {
    writer.remove(arm64.digest);
    writer.remove(base.digest);
    expect((await left()).items).toEqual(['broken app:1 (linux/amd64): BLOB_MISSING']);
    writer.remove(amd64.digest);
    expect((await left()).items).toEqual(['broken app:1: BLOB_MISSING']);
  });

  it('whose layers were discarded says so, and how to go on', async () => {
    writer.bucket('moby', 'snapshots', 'overlayfs', CHAIN)['name'] = 'moby/2/x';
    writer.remove(arm64.digest);
    writer.write();
    writer.remove(arm64.digest);
    writer.remove(top.digest);
    const [item, ...more] = await itemsOf(await openContainerdRoot(writer.root, null, lab.context));
    expect(more).toEqual([]);
    if (item?.kind !== 'broken' || !hasCode(item.error, 'LAYER_ONLY_UNPACKED')) throw new Error('not told');
    expect(item.error.details).toEqual({
      digest: top.digest,
      snapshotters: ['overlayfs'],
      commands: ['ctr -n moby content fetch docker.io/library/app:1'],
    });
    expect(item.error.message).toContain('(ctr -n moby content fetch docker.io/library/app:1)');
  });
});

describe('the listing of containerd', () => {
  it('names namespaces, where images came from, and what of them is unpacked where', async () => {
    const manifest = writer.layout.image(image);
    writer.image('moby', `${HUB}/app:1`, manifest);
    writer.bucket('empty', 'labels');
    const labels = { 'containerd.io/distribution.source.docker.io': 'library/app,me/app' };
    Object.assign(writer.bucket('moby', 'content', 'blob', manifest.digest), { labels });
    Object.assign(writer.bucket('moby', 'content', 'blob', top.digest), { labels });
    writer.bucket('moby', 'snapshots', 'overlayfs', CHAIN)['name'] = 'moby/2/x';
    const snapshotter = writer.at('io.containerd.snapshotter.v1.overlayfs');
    mkdirSync(join(snapshotter, 'snapshots/300/fs'), { recursive: true });
    const record = { id: Buffer.from([0xac, 0x02]), kind: Buffer.from([3]), size: goVarint(12345) };
    writeFileSync(join(snapshotter, 'metadata.db'), writeBolt({ v1: { snapshots: { 'moby/2/x': record } } }));
    // The manifest came from there, so its layers did.
    const registryOf = (digest: string): unknown => ['app', 'me/app'].map((repository) => ({ digest, repository }));
    expect(await list()).toEqual({
      kind: 'containerd',
      path: writer.root,
      driver: 'overlayfs',
      images: [
        {
          id: image.configDigest,
          names: ['app:1'],
          digests: [`app@${manifest.digest}`, `me/app@${manifest.digest}`],
          created: '2020-01-02T03:04:05.678901234Z',
          size: 12345,
          layers: [
            { diffId: base.diffId, size: null, dir: null, state: 'exact', registry: registryOf(base.digest) },
            {
              diffId: top.diffId,
              size: 12345,
              dir: 'io.containerd.snapshotter.v1.overlayfs/snapshots/300/fs',
              state: 'exact',
              registry: registryOf(top.digest),
            },
          ],
          damaged: null,
        },
      ],
      containers: [],
      warnings: ['namespaces: "empty" (0 images), "moby" (1 image)'],
    });
  });

  it('tells the layers of an image that lacks one, and who may still have it', async () => {
    const manifest = writer.layout.image(image);
    writer.image('moby', `${HUB}/app:1`, manifest);
    const labels = { 'containerd.io/distribution.source.ghcr.io': 'me/app' };
    Object.assign(writer.bucket('moby', 'content', 'blob', manifest.digest), { labels });
    writer.write();
    writer.remove(top.digest);
    const [listed] = (await (await openContainerdRoot(writer.root, null, lab.context)).listing()).images;
    expect(listed).toMatchObject({
      id: image.configDigest,
      names: ['app:1'],
      created: '2020-01-02T03:04:05.678901234Z',
    });
    expect(listed!.damaged?.code).toBe('BLOB_MISSING');
    const registry = (digest: string): unknown => [{ digest, repository: 'ghcr.io/me/app' }];
    expect(listed!.layers).toEqual([
      { diffId: base.diffId, size: null, dir: null, state: 'exact', registry: registry(base.digest) },
      { diffId: top.diffId, size: null, dir: null, state: 'missing', registry: registry(top.digest) },
    ]);
  });

  it('tells what is damaged image by image', async () => {
    const manifest = writer.layout.image(image);
    writer.image('moby', 'ghcr.io/bad/digest:1', { ...manifest, digest: '../../../etc/passwd' });
    writer.image('moby', 'ghcr.io/bad/size:1', { ...manifest, size: -1 });
    writer.image('moby', 'ghcr.io/good/one:1', manifest);
    writer.image('moby', 'ghcr.io/no/image:1', { ...writer.layout.blob(json({}), 'text/plain') });
    writer.image('moby', 'ghcr.io/wrong/size:1', { ...writer.layout.image(other), size: 5 });
    writer.image('moby', 'ghcr.io/nothing/here:1', { ...manifest, digest: sha256Digest('nothing') });
    const { images, warnings } = await list();
    expect(images.map(({ names, id, damaged }) => [names[0] ?? id, damaged?.code ?? null])).toEqual([
      ['ghcr.io/good/one:1', null],
      ['ghcr.io/nothing/here:1', 'BLOB_MISSING'],
      ['ghcr.io/wrong/size:1', 'SIZE_MISMATCH'],
      ['ghcr.io/bad/digest:1', 'INVALID_DIGEST'],
      ['ghcr.io/bad/size:1', 'ARCHIVE_INVALID'],
    ]);
    expect(warnings).toContain('"ghcr.io/no/image:1": skipped, it is no image ("text/plain")');
    expect((await read()).map(({ ref }) => ref)).toEqual(images.map(({ names, id }) => names[0] ?? id));
  });
});

describe('a containerd directory in use or in disorder', () => {
  beforeEach(() => {
    writer.image('moby', `${HUB}/app:1`, writer.layout.image(image));
    writer.write();
  });

  it('is read while a daemon holds its lock, which a warning says', async () => {
    const { system } = lab.context;
    const lock = tryLockExisting(writer.database, 'exclusive', (fd, mode) => system.lock(fd, mode));
    if (typeof lock === 'string') throw new Error(`the lock is ${lock}`);
    const source = await openContainerdRoot(writer.root, null, lab.context);
    expect((await itemsOf(source)).map(inShort)).toEqual(['modern app:1: app:1']);
    expect(source.warnings).toEqual([
      'a daemon has the image store open; its images are read as they were at one moment',
    ]);
    lock.release();
  });

  it('leaves the lock to others once the metadata are read', async () => {
    const { system } = lab.context;
    for await (const _ of (await openContainerdRoot(writer.root, null, lab.context)).images()) {
      const lock = tryLockExisting(writer.database, 'exclusive', (fd, mode) => system.lock(fd, mode));
      expect(lock).not.toBe('held');
      if (typeof lock !== 'string') lock.release();
    }
  });

  it('does not follow links out of it', async () => {
    const outside = join(lab.dir, 'outside');
    writeFileSync(outside, top.stored);
    writer.remove(top.digest);
    symlinkSync(outside, writer.blobPath(top.digest));
    const items = await itemsOf(await openContainerdRoot(writer.root, null, lab.context));
    expect(items.map(inShort)).toEqual(['broken app:1: ENTRY_OUTSIDE_ROOT']);
  });

  it('is refused when its database is a directory or cut off', async () => {
    writeFileSync(writer.database, readFileSync(writer.database).subarray(0, 9000));
    const source = await openContainerdRoot(writer.root, null, lab.context);
    expect(await codeOf(source.listing())).toBe('ARCHIVE_INVALID');
    const strange = new ContainerdRootWriter(join(lab.dir, 'strange'));
    mkdirSync(strange.database, { recursive: true });
    expect(await codeOf((await openContainerdRoot(strange.root, null, lab.context)).listing())).toBe('ARCHIVE_INVALID');
  });

  it('is read without what a damaged bucket says of its layers', async () => {
    writer.bucket('moby', 'snapshots', 'overlayfs', CHAIN)['name'] = 'moby/2/x';
    writer.bucket('moby', 'content', 'blob', base.digest)['size'] = goVarint(1);
    writer.write({ inlineBytes: 0 });
    const bytes = readFileSync(writer.database);
    // The pages that hold these keys are no pages any more.
    for (const key of [CHAIN, base.digest])
      bytes.fill(0xff, Math.floor(bytes.indexOf(key) / 4096) * 4096 + 8, bytes.indexOf(key));
    writeFileSync(writer.database, bytes);
    const { images, driver } = await (await openContainerdRoot(writer.root, null, lab.context)).listing();
    expect(driver).toBe('');
    expect(images.map(({ names, damaged }) => [names, damaged])).toEqual([[['app:1'], null]]);
    expect(images[0]!.layers.map(({ dir, registry }) => [dir, registry])).toEqual([
      [null, []],
      [null, []],
    ]);
  });

  it('with any byte of its database changed gives items or a typed error', async () => {
    const whole = readFileSync(writer.database);
    let refused = 0;
    for (let at = 0; at < whole.length; at += 1) {
      // Free space is most of it.
      if (whole[at] === 0 && at % 64 !== 0) continue;
      const bytes = Buffer.from(whole);
      bytes[at]! ^= 0xff;
      writeFileSync(writer.database, bytes);
      try {
        const source = await openContainerdRoot(writer.root, null, lab.context);
        for await (const item of source.images()) expect(item.kind).toMatch(/modern|broken/);
      } catch (error) {
        if (!isEngineError(error)) throw error;
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(5);
  });
});
