import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ImportedImage } from '../../src/coordinator/jobs/import.ts';
import { chainIds, type Digest, digestHex, sha256Digest } from '../../src/identity/digest.ts';
import type { ImageSource, SourceItem } from '../../src/image/image-source.ts';
import { hostPlatform } from '../../src/image/platform.ts';
import { codeOf } from '../support/code-of.ts';
import { failureOf } from '../support/fake-graph.ts';
import {
  dockerArchiveFiles,
  type FixtureImage,
  fixtureImage,
  type FixtureLayer,
  fixtureLayer,
  FixtureLayout,
  legacyArchiveFiles,
  named,
  pack,
  packedLayer,
  v1Id,
  writeArchiveFile,
  writeDirectory,
} from '../support/image-fixture.ts';
import { type JobLab, openJobLab } from '../support/job-lab.ts';
import { header, zeros } from '../support/tar-fixture.ts';

const base = fixtureLayer({ 'etc/base': 'base' });
const top = fixtureLayer({ 'etc/top': 'top' });
const broken = packedLayer(fixtureLayer({ 'etc/broken': 'x'.repeat(5000) }).tar.subarray(0, 2000));

const first = fixtureImage([base], { names: ['first:1'] });
const second = fixtureImage([base, top], { names: ['second:1', 'also:2'] });
const third = fixtureImage([base, broken], { names: ['third:1'] });

const idOf = (image: FixtureImage): string => digestHex(image.configDigest);
const layerIds = (image: FixtureImage): string[] => chainIds(image.layers.map(({ diffId }) => diffId)).map(digestHex);
const archive = (lab: JobLab, ...images: FixtureImage[]): string =>
  writeArchiveFile(
    join(lab.formats.dir, `${images.map(({ names }) => names[0]).join()}.tar`),
    dockerArchiveFiles(images),
  );

/** One file of 1 GiB of zeros, packed more than a thousandfold; what is promised of it is never looked at. */
function bombLayer(compression: 'gzip' | 'zstd'): FixtureLayer {
  const part = pack(zeros(32 * 1024), compression);
  const head = pack(header('zeros', { size: 1024 ** 3 }), compression);
  const stored = Buffer.concat([head, ...Array<Buffer>(64).fill(part), pack(zeros(2), compression)]);
  return { tar: Buffer.alloc(0), stored, diffId: sha256Digest('1 GiB'), digest: sha256Digest(stored), compression };
}

function good(results: ImportedImage[]): (ImportedImage & { error: null })[] {
  for (const { error } of results) if (error !== null) throw error;
  return results as (ImportedImage & { error: null })[];
}

describe('import', () => {
  it('registers every image, shares layers, and tags at the end', async () => {
    await using lab = await openJobLab();
    const results = good(await lab.import(archive(lab, first, second)));
    expect(results.map(({ ref, id, names, layers }) => ({ ref, id, names, layers }))).toEqual([
      { ref: 'first:1', id: idOf(first), names: first.names, layers: 1 },
      { ref: 'second:1', id: idOf(second), names: second.names, layers: 2 },
    ]);
    expect(results[0]).toMatchObject({
      configDigest: first.configDigest,
      equal: 'same config and DiffIDs',
      warnings: [],
    });
    expect(results.reduce((sum, { registered }) => sum + registered, 0)).toBe(2);
    expect(results.reduce((sum, { reused }) => sum + reused, 0)).toBe(1);
    expect(await lab.contents()).toEqual({
      [idOf(first)]: ['first:1'],
      [idOf(second)]: ['also:2', 'second:1'],
      [layerIds(second)[0]!]: [],
      [layerIds(second)[1]!]: [],
    });
    expect(await lab.leftovers()).toEqual([]);
  });

  it('does nothing twice', async () => {
    await using lab = await openJobLab();
    const path = archive(lab, second);
    await lab.import(path);
    const before = await lab.contents();
    expect(good(await lab.import(path))[0]).toMatchObject({ registered: 0, reused: 2, warnings: [] });
    expect(await lab.contents()).toEqual(before);
  });

  it('keeps good images when another one of the source is bad', async () => {
    await using lab = await openJobLab();
    const told: string[] = [];
    const results = await lab.import(archive(lab, first, third, second), { onImage: ({ ref }) => void told.push(ref) });
    expect(results.map(({ ref, error }) => [ref, error?.code])).toEqual([
      ['first:1', undefined],
      ['third:1', 'TAR_TRUNCATED'],
      ['second:1', undefined],
    ]);
    expect(told.sort()).toEqual(['first:1', 'second:1', 'third:1']);
    expect(Object.keys(await lab.contents()).sort()).toEqual([idOf(first), idOf(second), ...layerIds(second)].sort());
    expect(await lab.leftovers()).toEqual([]);
  });

  it('leaves nothing of an image that is bad', async () => {
    await using lab = await openJobLab();
    await lab.import(archive(lab, third));
    expect(await lab.contents()).toEqual({});
    expect(await lab.leftovers()).toEqual([]);
  });

  it.each(['gzip', 'zstd'] as const)(
    'refuses a layer of 1 GiB in a little %s, and leaves nothing of it',
    async (kind) => {
      await using lab = await openJobLab();
      const bomb = fixtureImage([base, bombLayer(kind)], { names: ['bomb:1'] });
      const results = await lab.import(archive(lab, bomb, first));
      expect(results.map(({ error }) => error?.code)).toEqual(['LIMIT_EXCEEDED', undefined]);
      expect(Object.keys(await lab.contents()).sort()).toEqual([idOf(first), ...layerIds(first)].sort());
      expect(await lab.leftovers()).toEqual([]);
    },
  );

  it('moves a tag and says so', async () => {
    await using lab = await openJobLab();
    await lab.import(archive(lab, first));
    const other = fixtureImage([top], { names: ['first:1'] });
    const [result] = good(await lab.import(archive(lab, other)));
    expect(result!.warnings).toEqual([`first:1 named image ${idOf(first).slice(0, 12)} until now`]);
    expect(lab.warnings).toEqual([`first:1: first:1 named image ${idOf(first).slice(0, 12)} until now`]);
    expect((await lab.contents())[idOf(other)]).toEqual(['first:1']);
  });

  it('refuses to move a tag when told not to, before any work', async () => {
    await using lab = await openJobLab();
    await lab.import(archive(lab, first));
    const before = await lab.contents();
    const other = fixtureImage([top], { names: ['first:1'] });
    const [result] = await lab.import(archive(lab, other), { clobber: false });
    expect(result!.error).toMatchObject({
      code: 'TAG_TAKEN',
      details: { repository: 'first', tag: '1', id: idOf(first) },
    });
    expect(await lab.contents()).toEqual(before);
    good(await lab.import(archive(lab, first), { clobber: false }));
  });

  it('is over, with nothing unfinished left, when it is cancelled', async () => {
    await using lab = await openJobLab();
    const abort = new AbortController();
    const source: ImageSource = {
      ...sourceOf([]),
      async *images() {
        yield modern(first, lab);
        abort.abort();
        yield modern(second, lab);
      },
    };
    const { done } = await lab.coordinator.submit({ type: 'import', source }, { signal: abort.signal });
    expect(await failureOf(done)).toMatchObject({ code: 'CANCELLED' });
    expect(Object.keys(await lab.contents())).not.toContain(idOf(second));
    expect(await lab.leftovers()).toEqual([]);
  });

  it('reads the next image of a source only when there is room for it', async () => {
    await using lab = await openJobLab({ jobs: 1 });
    let pulled = 0;
    let done = 0;
    const source: ImageSource = {
      ...sourceOf([]),
      async *images() {
        for (const image of [first, second, first, second]) {
          pulled++;
          yield modern(image, lab);
        }
      },
    };
    await lab.import(source, {
      onImage: () => {
        done++;
        expect(pulled - done).toBeLessThanOrEqual(1);
      },
    });
    expect(done).toBe(4);
  });

  it('fails when what it tells its caller fails, and not the process', async () => {
    await using lab = await openJobLab();
    const tell = (): never => {
      throw new Error('the caller has a bug');
    };
    await expect(lab.import(archive(lab, first, second), { onImage: tell })).rejects.toThrow('the caller has a bug');
  });
});

describe('import of a legacy archive', () => {
  const [a, b, c] = ['a', 'b', 'c'].map(v1Id) as [string, string, string];

  it('registers the chain under its own ids', async () => {
    await using lab = await openJobLab();
    const files = legacyArchiveFiles([{ id: a }, { id: b, parent: a }], { old: { '1': b } });
    const [result] = good(await lab.import(writeArchiveFile(join(lab.formats.dir, 'old.tar'), files)));
    expect(result).toMatchObject({ id: b, configDigest: null, layers: 2, registered: 2, names: ['old:1'] });
    expect(await lab.contents()).toEqual({ [a]: [], [b]: ['old:1'] });
  });

  it('takes no image for there because something else has its id for a name', async () => {
    await using lab = await openJobLab();
    const { graph, tags } = lab.store;
    await graph.register({ id: c }, null);
    // Nobody can give such a name here, but a file that Docker wrote may have it.
    writeFileSync(tags.path, JSON.stringify({ Repositories: { [a]: { latest: c } } }));
    expect((await tags.lookupImage(a)).id).toBe(c);
    const files = legacyArchiveFiles([{ id: a }, { id: b, parent: a }], { old: { '1': b } });
    const [result] = good(await lab.import(writeArchiveFile(join(lab.formats.dir, 'old.tar'), files)));
    expect(result).toMatchObject({ id: b, registered: 2, reused: 0 });
    expect(graph.has(a)).toBe(true);
  });

  it('refuses an id that another image has, and leaves that one as it is', async () => {
    await using lab = await openJobLab();
    await lab.store.graph.register({ id: a, comment: 'another one' }, null);
    const files = legacyArchiveFiles([{ id: a }, { id: b, parent: a }], { old: { '1': b } });
    const results = await lab.import(writeArchiveFile(join(lab.formats.dir, 'old.tar'), files));
    expect(results.map(({ error }) => error?.code)).toEqual(['IMAGE_ID_TAKEN']);
    expect((await lab.store.graph.get(a)).comment).toBe('another one');
    expect(await lab.contents()).toEqual({ [a]: [] });
  });

  it('keeps what another image needs of a chain that fails, and nothing else', async () => {
    await using lab = await openJobLab();
    const files = legacyArchiveFiles([{ id: a }, { id: b, parent: a, layer: broken.tar }, { id: c, parent: a }], {
      bad: { '1': b },
      good: { '1': c },
    });
    const results = await lab.import(writeArchiveFile(join(lab.formats.dir, 'old.tar'), files));
    expect(results.filter(({ error }) => error !== null)).toHaveLength(1);
    expect(await lab.contents()).toEqual({ [a]: [], [c]: ['good:1'] });
  });

  it('leaves nothing of a chain that fails at its top', async () => {
    await using lab = await openJobLab();
    const files = legacyArchiveFiles([{ id: a }, { id: b, parent: a, layer: broken.tar }], { bad: { '1': b } });
    await lab.import(writeArchiveFile(join(lab.formats.dir, 'old.tar'), files));
    expect(await lab.contents()).toEqual({});
    expect(await lab.leftovers()).toEqual([]);
  });

  it('lets nobody take a part of the chain away before its names are given', async () => {
    await using lab = await openJobLab();
    const { graph } = lab.store;
    const registerOnce = graph.registerOnce.bind(graph);
    const refusals: unknown[] = [];
    graph.registerOnce = async (image, ...rest) => {
      const registered = await registerOnce(image, ...rest);
      await graph.removeUnneeded([image.id]);
      refusals.push(await codeOf(graph.delete(image.id)));
      return registered;
    };
    const files = legacyArchiveFiles([{ id: a }, { id: b, parent: a }], { old: { '1': b } });
    good(await lab.import(writeArchiveFile(join(lab.formats.dir, 'old.tar'), files)));
    expect(refusals).toEqual(['IMAGE_IN_USE', 'IMAGE_IN_USE']);
    expect(await lab.contents()).toEqual({ [a]: [], [b]: ['old:1'] });
    await graph.delete(b, { force: true });
  });
});

describe('import with a name', () => {
  it('gives it to the only image, instead of all its own', async () => {
    await using lab = await openJobLab();
    const [result] = good(await lab.import(archive(lab, second), { name: 'docker.io/library/mine' }));
    expect(result!.names).toEqual(['mine:latest']);
    expect((await lab.contents())[idOf(second)]).toEqual(['mine:latest']);
  });

  it('refuses several images, and registers none', async () => {
    await using lab = await openJobLab();
    const error = await failureOf(lab.import(archive(lab, first, second), { name: 'mine' }));
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', details: { argument: 'name', value: 'mine' } });
    expect(await lab.contents()).toEqual({});
  });

  it('refuses a name that is none, and registers nothing', async () => {
    await using lab = await openJobLab();
    expect(await failureOf(lab.import(archive(lab, first), { name: 'not a name:1' }))).toMatchObject({
      kind: 'InvalidInput',
    });
    expect(await lab.contents()).toEqual({});
  });

  it('gives it to an index, not to its images', async () => {
    await using lab = await openJobLab();
    const { path } = multiPlatform(lab);
    good(await lab.import(path, { name: 'mine:2' }));
    expect(lab.store.tags.repositories).toEqual(new Map([['mine', new Map([['2', idOf(here)]])]]));
  });
});

const host = hostPlatform();
const here = fixtureImage([fixtureLayer({ here: 'h' }, 'gzip')], { config: { architecture: host.architecture } });
const there = fixtureImage([fixtureLayer({ there: 't' }, 'gzip')], { config: { architecture: 's390x' } });

function multiPlatform(lab: JobLab, images = [there, here]): { path: string; digest: string } {
  const layout = new FixtureLayout();
  const members = images.map((image) => ({
    ...layout.image(image),
    platform: { os: 'linux', architecture: image === here ? host.architecture : 's390x' },
  }));
  const statement = layout.manifest({
    config: layout.blob(Buffer.from('{}'), 'application/vnd.oci.empty.v1+json'),
    artifactType: 'application/vnd.example.statement',
    layers: [],
  });
  const index = layout.index([...members, { ...statement, platform: { os: 'unknown', architecture: 'unknown' } }]);
  layout.list([named(index, 'multi:1', 'docker.io/library/multi:1')]);
  return {
    path: `oci:${writeDirectory(join(lab.formats.dir, `layout-${images.length}`), layout.files)}`,
    digest: index.digest,
  };
}

describe('import of an index', () => {
  it('imports all its images, keeps it, and tags the one for this machine', async () => {
    await using lab = await openJobLab();
    const { path, digest } = multiPlatform(lab);
    const results = good(await lab.import(path));
    expect(results.map(({ id, equal }) => ({ id, equal }))).toEqual(
      [there, here].map((image) => ({ id: idOf(image), equal: 'identical bytes: manifest, config and layers' })),
    );
    expect((await lab.contents())[idOf(here)]).toEqual(['multi:1']);
    expect(lab.warnings).toEqual([]);
    const kept = await lab.store.graph.indexes.of('multi:1');
    expect(kept).toMatchObject({ digest, members: [{ id: idOf(there) }, { id: idOf(here) }, { id: null }] });
    for (const attachment of kept!.attachments) expect(await lab.store.graph.blobs.has(attachment.digest)).toBe(true);
    expect(kept!.attachments.length).toBeGreaterThan(0);
  });

  it('tags the image for the platform asked for', async () => {
    await using lab = await openJobLab();
    good(await lab.import(multiPlatform(lab).path, { platform: { os: 'linux', architecture: 's390x' } }));
    expect((await lab.contents())[idOf(there)]).toEqual(['multi:1']);
  });

  it('tags the first image when there is none for this machine, and says so', async () => {
    await using lab = await openJobLab();
    good(await lab.import(multiPlatform(lab, [there]).path));
    expect((await lab.contents())[idOf(there)]).toEqual(['multi:1']);
    expect(lab.warnings.join()).toContain('linux/s390x');
  });

  it('tags nothing when the platform asked for is not there, and says so', async () => {
    await using lab = await openJobLab();
    good(await lab.import(multiPlatform(lab).path, { platform: { os: 'plan9', architecture: 'mips' } }));
    expect(lab.store.tags.byId().size).toBe(0);
    expect(lab.warnings.join()).toContain('plan9/mips');
  });

  it('is forgotten when its name is given to something else', async () => {
    await using lab = await openJobLab();
    await lab.import(multiPlatform(lab).path);
    await lab.import(archive(lab, fixtureImage([base], { names: ['multi:1'] })));
    expect(await lab.store.graph.indexes.of('multi:1')).toBeNull();
  });

  it('is forgotten, with what came with it, when its name is moved or removed', async () => {
    for (const change of ['set', 'delete', 'deleteAll'] as const) {
      await using lab = await openJobLab();
      const { graph, tags } = lab.store;
      await lab.import(multiPlatform(lab).path);
      const { attachments } = (await graph.indexes.of('multi:1'))!;
      if (change === 'set') await tags.set('multi', '1', idOf(there), true);
      else if (change === 'delete') await tags.delete('docker.io/library/multi', '1');
      else expect(await tags.deleteAll(idOf(here))).toEqual(['multi:1']);
      expect(await graph.indexes.of('multi:1')).toBeNull();
      for (const { digest } of attachments) expect(await graph.blobs.has(digest)).toBe(false);
    }
  });

  it('is kept whole when it is imported again, also in the place of another one with the same blobs', async () => {
    await using lab = await openJobLab();
    const { graph } = lab.store;
    await lab.import(multiPlatform(lab).path);
    for (const images of [[there, here], [here]]) {
      const { path, digest } = multiPlatform(lab, images);
      await lab.import(path);
      const kept = await graph.indexes.of('multi:1');
      expect(kept!.digest).toBe(digest);
      expect(kept!.attachments.length).toBeGreaterThan(0);
      for (const attachment of kept!.attachments) expect(await graph.blobs.has(attachment.digest)).toBe(true);
    }
    expect(await lab.leftovers()).toEqual([]);
  });

  it('takes the place of another one also under a name that tags nothing', async () => {
    await using lab = await openJobLab();
    const platform = { os: 'plan9', architecture: 'mips' };
    await lab.import(multiPlatform(lab).path, { platform });
    const { path, digest } = multiPlatform(lab, [here]);
    await lab.import(path, { platform });
    expect((await lab.store.graph.indexes.of('multi:1'))!.digest).toBe(digest);
    expect(readdirSync(join(lab.store.root, 'indexes/sha256'))).toEqual([digestHex(digest as Digest)]);
  });

  it('tags nothing when what comes with it is damaged', async () => {
    await using lab = await openJobLab();
    const { path } = multiPlatform(lab);
    const statement = join(path.slice('oci:'.length), 'blobs/sha256', digestHex(sha256Digest('{}')));
    const size = readFileSync(statement).length;
    writeFileSync(statement, 'x'.repeat(size));
    const results = await lab.import(path);
    expect(results.at(-1)!.error?.code).toBe('DIGEST_MISMATCH');
    expect(lab.store.tags.byId().size).toBe(0);
    expect(await lab.store.graph.indexes.of('multi:1')).toBeNull();
    expect(await lab.leftovers()).toEqual([]);
  });

  it('refuses to move a tag when told not to, as a result of its own', async () => {
    await using lab = await openJobLab();
    await lab.import(archive(lab, fixtureImage([base], { names: ['multi:1'] })));
    const results = await lab.import(multiPlatform(lab).path, { clobber: false });
    expect(results.map(({ error }) => error?.code)).toEqual([undefined, undefined, 'TAG_TAKEN']);
    expect(await lab.store.graph.indexes.of('multi:1')).toBeNull();
  });

  it('promises identical bytes only of what is kept', async () => {
    await using lab = await openJobLab();
    const results = good(await lab.import(multiPlatform(lab).path, { blobs: 'drop' }));
    expect(new Set(results.map(({ equal }) => equal))).toEqual(new Set(['same config and DiffIDs']));
  });
});

describe('what refers to an image', () => {
  it.each([undefined, 'named:1'])('has no place in the store, which is said (name: %s)', async (name) => {
    await using lab = await openJobLab();
    const artifact: SourceItem = {
      kind: 'artifact',
      ref: 'a signature',
      subject: sha256Digest('{}'),
      tag: null,
      raw: Buffer.from('{}'),
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: sha256Digest('{}'),
      artifactType: null,
      annotations: new Map(),
      blobs: [],
    };
    const results = good(await lab.import(sourceOf([modern(first, lab), artifact]), { name }));
    expect(results.map(({ names }) => names)).toEqual([[name ?? 'first:1']]);
    expect(lab.warnings).toEqual([expect.stringContaining('a signature was left out')]);
  });
});

function sourceOf(items: SourceItem[]): ImageSource {
  return {
    transport: 'test',
    location: 'here',
    async *images() {
      yield* items;
    },
    close: () => Promise.resolve(),
  };
}

function modern(image: FixtureImage, lab: JobLab): SourceItem {
  const path = archive(lab, image);
  const raw = dockerArchiveFiles([image]);
  // The layers lie in the archive one after the other, each behind a header block.
  let offset = 0;
  const places = new Map<string, number>();
  for (const [name, content] of raw) {
    if (!Buffer.isBuffer(content)) continue;
    places.set(name, offset + 512);
    offset += 512 + Math.ceil(content.length / 512) * 512;
  }
  return {
    kind: 'modern',
    ref: image.names[0]!,
    names: image.names,
    config: image.config,
    configDigest: image.configDigest,
    platform: null,
    layers: image.layers.map(({ diffId, digest, stored }) => ({
      diffId,
      blob: { path, offset: places.get(`${digestHex(digest)}/layer.tar`)!, length: stored.length },
      mediaType: null,
    })),
    manifest: null,
    warnings: [],
  };
}
