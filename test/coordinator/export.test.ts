import { execFileSync } from 'node:child_process';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { profileFor } from '../../src/compression/codecs.ts';
import { profileText } from '../../src/compression/profile-text.ts';
import type { ExportedImage } from '../../src/coordinator/jobs/export.ts';
import { digestHex } from '../../src/identity/digest.ts';
import { targetOf } from '../../src/image/edit-manifest.ts';
import type { ImageSink } from '../../src/image/image-sink.ts';
import { openSink } from '../../src/formats/transports.ts';
import type { TaskPool } from '../../src/tasks/task-pool.ts';
import { failureOf } from '../support/fake-graph.ts';
import {
  dockerArchiveFiles,
  type FixtureImage,
  fixtureImage,
  fixtureLayer,
  FixtureLayout,
  legacyArchiveFiles,
  named,
  v1Id,
  writeArchiveFile,
  writeDirectory,
} from '../support/image-fixture.ts';
import { type JobLab, openJobLab } from '../support/job-lab.ts';
import { inlinePool } from '../support/test-store.ts';

const base = fixtureLayer({ 'etc/base': 'base' }, 'gzip');
const top = fixtureLayer({ 'etc/top': 'top' }, 'zstd');
const plain = fixtureLayer({ 'etc/plain': 'plain' });

const one = fixtureImage([base], { names: ['one:1'] });
const two = fixtureImage([base, top], { names: ['two:1'] });
const bare = fixtureImage([plain], { names: ['bare:1'] });
const images = [one, two, bare];

const idOf = (image: FixtureImage): string => digestHex(image.configDigest);

/** Imports the images from an OCI layout; answers the digest of each manifest. */
async function importLayout(
  lab: JobLab,
  wanted: FixtureImage[] = images,
  blobs: 'keep' | 'drop' = 'keep',
): Promise<string[]> {
  const layout = new FixtureLayout();
  const manifests = wanted.map((image) => layout.image(image));
  layout.list(
    manifests.map((manifest, at) =>
      named(manifest, wanted[at]!.names[0]!, `docker.io/library/${wanted[at]!.names[0]!}`),
    ),
  );
  await lab.import(`oci:${writeDirectory(join(lab.formats.dir, 'source'), layout.files)}`, { blobs });
  return manifests.map(({ digest }) => digest);
}

function good(results: ExportedImage[]): (ExportedImage & { error: null })[] {
  for (const { error } of results) if (error !== null) throw error;
  return results as (ExportedImage & { error: null })[];
}

/** A destination that notes what is done to it, and does what a test says when an image is put. */
function noteSink(overrides: Partial<ImageSink> = {}): ImageSink & { calls: string[] } {
  const calls: string[] = [];
  return {
    calls,
    transport: 'test',
    location: 'nowhere',
    defaultCompression: 'none',
    keepsManifests: true,
    hasBlob: () => Promise.resolve(false),
    putBlob: async (digest, { path }) => {
      calls.push(`blob ${digest}`);
      await rm(path);
    },
    putImage: ({ names, manifest }) => {
      calls.push(`image ${names.join()}`);
      return Promise.resolve({ manifest: manifest === null ? null : targetOf(manifest) });
    },
    putIndex: ({ names }) => (calls.push(`index ${names.join()}`), Promise.resolve()),
    commit: () => (calls.push('commit'), Promise.resolve()),
    close: () => (calls.push('close'), Promise.resolve()),
    ...overrides,
  };
}

const runExport = async (lab: JobLab, names: string[], sink: ImageSink, options = {}) =>
  (await lab.coordinator.submit({ type: 'export', names, sink, ...options })).done;

describe('export', () => {
  it('keeps manifests, and with them every digest, where layers go as they came', async () => {
    await using lab = await openJobLab();
    const manifests = await importLayout(lab);
    const results = good(
      await lab.export(['one:1', 'two:1', 'bare:1'], `oci:${join(lab.formats.dir, 'out')}`, { preserveDigests: true }),
    );
    expect(results.map(({ id, manifestDigest, equal }) => ({ id, manifestDigest, equal }))).toEqual(
      images.map((image, at) => ({
        id: idOf(image),
        manifestDigest: manifests[at],
        equal: 'identical bytes: manifest, config and layers',
      })),
    );
    expect(results[1]).toMatchObject({ name: 'two:1', layers: 2, bytes: base.stored.length + top.stored.length });
    expect(await lab.leftovers()).toEqual([]);
  });

  it.each(['none', 'gzip', 'zstd'] as const)(
    'packs layers anew with %s, and says what is the same',
    async (compression) => {
      await using lab = await openJobLab();
      await importLayout(lab);
      const out = `oci-archive:${join(lab.formats.dir, 'out.tar')}`;
      const results = good(await lab.export(['two:1'], out, { compression }));
      expect(results[0]).toMatchObject({
        configDigest: two.configDigest,
        equal: 'same config and DiffIDs; new manifest',
        profile: profileText(profileFor({ compression })),
      });
      await using other = await openJobLab();
      expect((await other.import(out)).map(({ error }) => error)).toEqual([null]);
      expect((await other.contents())[idOf(two)]).toEqual(['two:1']);
    },
  );

  it('makes each distinct layer once', async () => {
    const pool = inlinePool();
    const ran: string[] = [];
    const counting: TaskPool = {
      threads: pool.threads,
      idle: pool.idle,
      run: (name, input, options) => {
        ran.push(name);
        return pool.run(name, input, options);
      },
      close: () => pool.close(),
    };
    await using lab = await openJobLab({ pool: counting });
    await importLayout(lab);
    ran.length = 0;
    const sink = noteSink();
    good(await runExport(lab, ['one:1', 'two:1', 'bare:1', 'one:1'], sink));
    expect(ran.filter((name) => name === 'layer.archive')).toHaveLength(3);
    const blobs = sink.calls.filter((call) => call.startsWith('blob'));
    expect(blobs.sort()).toEqual([base, top, plain].map(({ diffId }) => `blob ${diffId}`).sort());
  });

  it('puts images in the order asked for, then commits, then tells', async () => {
    await using lab = await openJobLab();
    await importLayout(lab);
    const sink = noteSink();
    await runExport(lab, ['two:1', 'bare:1', 'one:1'], sink, {
      onImage: ({ name }: ExportedImage) => sink.calls.push(`told ${name}`),
    });
    const calls = sink.calls.filter((call) => !call.startsWith('blob'));
    expect(calls).toEqual([
      'image two:1',
      'image bare:1',
      'image one:1',
      'commit',
      'told two:1',
      'told bare:1',
      'told one:1',
      'close',
    ]);
  });

  it('leaves an image that cannot be put out, and keeps the others', async () => {
    await using lab = await openJobLab();
    await importLayout(lab);
    const sink = noteSink();
    const { putImage } = sink;
    sink.putImage = (image) => (image.names[0] === 'two:1' ? Promise.reject(new Error('no place')) : putImage(image));
    const results = await runExport(lab, ['one:1', 'two:1', 'bare:1'], sink);
    expect(results.map(({ error }) => error?.message)).toEqual([undefined, 'no place', undefined]);
    expect(sink.calls).toContain('commit');
  });

  it('commits nothing when no image is good', async () => {
    await using lab = await openJobLab();
    await importLayout(lab);
    const sink = noteSink({ putBlob: () => Promise.reject(new Error('disk on fire')) });
    const results = await runExport(lab, ['one:1'], sink);
    expect(results.map(({ error }) => error?.message)).toEqual(['disk on fire']);
    expect(sink.calls).toEqual(['close']);
    expect(await lab.leftovers()).toEqual([]);
  });

  it('finds a kept blob that was damaged, and leaves that image out', async () => {
    await using lab = await openJobLab();
    await importLayout(lab);
    const path = lab.store.graph.blobs.ref(base.digest, base.stored.length).path;
    const bytes = await readFile(path);
    bytes[20]! ^= 1;
    await writeFile(path, bytes);
    const results = await lab.export(['one:1', 'bare:1'], `oci:${join(lab.formats.dir, 'out')}`);
    expect(results.map(({ error }) => error?.code)).toEqual(['DIGEST_MISMATCH', undefined]);
  });

  it('fails for an unknown name before anything is written, and closes the destination', async () => {
    await using lab = await openJobLab();
    await importLayout(lab);
    const sink = noteSink();
    expect(await failureOf(runExport(lab, ['one:1', 'nobody:1'], sink))).toMatchObject({ code: 'IMAGE_NOT_FOUND' });
    expect(sink.calls).toEqual(['close']);
  });

  it.each([
    ['layers were dropped', 'drop', { compression: 'keep' }, 'was not kept'],
    ['layers are packed anew', 'keep', { compression: 'gzip' }, 'packed anew'],
  ] as const)('refuses, before anything is written, to change a manifest: %s', async (_why, blobs, options, reason) => {
    await using lab = await openJobLab();
    await importLayout(lab, images, blobs);
    const sink = noteSink();
    const error = await failureOf(runExport(lab, ['bare:1', 'one:1'], sink, { ...options, preserveDigests: true }));
    expect(error).toMatchObject({ kind: 'Integrity', code: 'MANIFEST_NOT_PRESERVED' });
    expect(error.message).toContain(reason);
    expect(sink.calls).toEqual(['close']);
  });

  it('is over, with nothing left, when it is cancelled', async () => {
    await using lab = await openJobLab();
    await importLayout(lab);
    const abort = new AbortController();
    const sink = noteSink({ hasBlob: () => (abort.abort(), Promise.resolve(false)) });
    const { done } = await lab.coordinator.submit({ type: 'export', names: ['two:1'], sink }, { signal: abort.signal });
    expect(await failureOf(done)).toMatchObject({ code: 'CANCELLED' });
    expect(sink.calls).toEqual(['close']);
    expect(await lab.leftovers()).toEqual([]);
  });

  it('ends although its budget of disk is smaller than any layer', async () => {
    await using lab = await openJobLab({ spoolBytes: 1 });
    await importLayout(lab);
    expect(good(await lab.export(['one:1', 'two:1', 'bare:1'], `oci:${join(lab.formats.dir, 'out')}`))).toHaveLength(3);
  });

  it('never has more bytes of finished layers on the disk than its budget', async () => {
    await using lab = await openJobLab({ jobs: 8, spoolBytes: 3 * 1024 ** 2 });
    const layers = Array.from({ length: 8 }, (_, i) => fixtureLayer({ [`file-${i}`]: 'x'.repeat(900_000) }));
    const wide = fixtureImage(layers, { names: ['wide:1'] });
    await lab.import(writeArchiveFile(join(lab.formats.dir, 'in.tar'), dockerArchiveFiles([wide])));
    const seen: number[] = [];
    const sink = noteSink();
    const { putBlob } = sink;
    sink.putBlob = async (...args) => {
      const files = await readdir(lab.tempDir, { recursive: true, withFileTypes: true });
      // A file may be taken away by another layer's putBlob while it is being looked at.
      const sizeOf = (path: string) =>
        stat(path).then(
          ({ size }) => size,
          () => 0,
        );
      const sizes = files
        .filter((found) => found.isFile())
        .map(({ parentPath, name }) => sizeOf(join(parentPath, name)));
      seen.push((await Promise.all(sizes)).reduce((sum, size) => sum + size, 0));
      await new Promise((resolve) => setTimeout(resolve, 20));
      await putBlob(...args);
    };
    good(await runExport(lab, ['wide:1'], sink));
    expect(seen).toHaveLength(8);
    expect(Math.max(...seen)).toBeLessThanOrEqual(3 * 1024 ** 2);
  });

  it('makes a config for a v1 image, and says so', async () => {
    await using lab = await openJobLab();
    const files = legacyArchiveFiles([{ id: v1Id('a') }, { id: v1Id('b'), parent: v1Id('a') }], {
      old: { '1': v1Id('b') },
    });
    await lab.import(writeArchiveFile(join(lab.formats.dir, 'old.tar'), files));
    const [result] = good(await lab.export(['old:1'], `docker-archive:${join(lab.formats.dir, 'new.tar')}`));
    expect(result).toMatchObject({ id: v1Id('b'), layers: 2, equal: 'same DiffIDs; new config, new manifest' });
  });

  it('gives the JSON of a v1 image back byte for byte, whatever it says and however it is written', async () => {
    await using lab = await openJobLab();
    const [id, created] = [v1Id('a'), '2014-05-08T09:10:11Z'];
    const raw = Buffer.from(`{ "x-unknown": [1.0, 2],\n  "id": "${id}", "created": "${created}" }\n`);
    const files = legacyArchiveFiles([{ id }], { old: { '1': id } }).set(`${id}/json`, raw);
    await lab.import(writeArchiveFile(join(lab.formats.dir, 'old.tar'), files));
    const out = join(lab.formats.dir, 'new.tar');
    const sink = await openSink(`docker-archive:${out}`, lab.formats.context, { legacy: true });
    good(await runExport(lab, ['old:1'], sink));
    expect(execFileSync('tar', ['xOf', out, `${id}/json`]).equals(raw)).toBe(true);
  });

  describe('as a legacy archive', () => {
    const exportLegacy = async (lab: JobLab, name: string): Promise<string> => {
      const out = join(lab.formats.dir, `legacy-${name.replace(':', '-')}.tar`);
      const sink = await openSink(`docker-archive:${out}`, lab.formats.context, { legacy: true });
      const [result] = good(await runExport(lab, [name], sink));
      expect(result).toMatchObject({ equal: 'same DiffIDs; new id and config' });
      return out;
    };

    const lookUpLayers = async ({ store: { graph, tags } }: JobLab, name: string) =>
      graph.layersOf((await tags.lookupImage(name)).id);

    it.each(['one:1', 'two:1', 'bare:1'])(
      '%s has an id of its own, and takes no place of the real one',
      async (name) => {
        await using lab = await openJobLab();
        const real = writeArchiveFile(join(lab.formats.dir, 'in.tar'), dockerArchiveFiles(images));
        await lab.import(real);
        const legacy = await exportLegacy(lab, name);
        const { id } = await lab.store.tags.lookupImage(name);
        const layers = await lookUpLayers(lab, name);

        for (const order of [
          [legacy, real],
          [real, legacy],
        ]) {
          await using other = await openJobLab();
          for (const path of order)
            expect((await other.import(path)).map(({ error }) => error?.code)).not.toContain('IMAGE_ID_TAKEN');
          expect(other.store.graph.has(id)).toBe(true);
          expect(await other.store.graph.layersOf(id)).toEqual(layers);
        }

        await using alone = await openJobLab();
        const [copy] = await alone.import(legacy);
        expect(copy).toMatchObject({ error: null, layers: Math.max(1, layers.length) });
        const copied = await lookUpLayers(alone, name);
        if (layers.length > 0) expect(copied.map(({ diffId }) => diffId)).toEqual(layers.map(({ diffId }) => diffId));
      },
    );

    it('gives each v1 image above a real one its own layer', async () => {
      await using lab = await openJobLab();
      await lab.import(writeArchiveFile(join(lab.formats.dir, 'in.tar'), dockerArchiveFiles(images)));
      const layer = fixtureLayer({ above: 'x' });
      const parent = await lab.store.tags.lookupImage('one:1');
      const child = await lab.store.graph.create(Readable.from([layer.tar]), { parent: parent.id });
      await lab.store.tags.set('child', '1', child.id);
      const out = join(lab.formats.dir, 'child.tar');
      const sink = await openSink(`docker-archive:${out}`, lab.formats.context, { legacy: true });
      good(await runExport(lab, ['child:1'], sink));
      expect(execFileSync('tar', ['xOf', out, `${child.id}/layer.tar`]).equals(layer.tar)).toBe(true);
    });
  });

  it('gives the same archive from two stores', async () => {
    await using lab = await openJobLab();
    await using other = await openJobLab();
    await lab.import(writeArchiveFile(join(lab.formats.dir, 'in.tar'), dockerArchiveFiles(images)));
    await importLayout(other);
    const paths = [join(lab.formats.dir, 'out.tar'), join(other.formats.dir, 'out.tar')] as const;
    await lab.export(['one:1', 'two:1', 'bare:1'], `docker-archive:${paths[0]}`);
    await other.export(['bare:1', 'two:1', 'one:1'], `docker-archive:${paths[1]}`);
    expect((await readFile(paths[0])).equals(await readFile(paths[1]))).toBe(true);
  });
});

describe('export of a name with an index', () => {
  const intel = fixtureImage([base], { config: { architecture: 'amd64' } });
  const power = fixtureImage([base, top], { config: { architecture: 'ppc64le' } });

  async function importIndex(lab: JobLab): Promise<string> {
    const layout = new FixtureLayout();
    const members = [intel, power].map((image, at) => ({
      ...layout.image(image),
      platform: { os: 'linux', architecture: ['amd64', 'ppc64le'][at]! },
    }));
    const statement = layout.manifest({
      config: layout.blob(Buffer.from('{}'), 'application/vnd.oci.empty.v1+json'),
      artifactType: 'application/vnd.example.statement',
      layers: [],
    });
    const index = layout.index([...members, statement]);
    layout.list([named(index, 'multi:1', 'docker.io/library/multi:1')]);
    await lab.import(`oci:${writeDirectory(join(lab.formats.dir, 'source'), layout.files)}`, {
      platform: { os: 'linux', architecture: 'amd64' },
    });
    return index.digest;
  }

  it('gives the index with its digest, all its images, and what travels with it', async () => {
    await using lab = await openJobLab();
    const digest = await importIndex(lab);
    const out = join(lab.formats.dir, 'out');
    const results = good(await lab.export(['multi:1'], `oci:${out}`));
    expect(results.map(({ id }) => id).sort()).toEqual([idOf(intel), idOf(power)].sort());
    expect(new Set(results.map(({ equal }) => equal))).toEqual(
      new Set(['identical bytes: index, manifest, config and layers']),
    );
    const { manifests } = JSON.parse(await readFile(join(out, 'index.json'), 'utf8')) as {
      manifests: { digest: string }[];
    };
    expect(manifests.map((manifest) => manifest.digest)).toEqual([digest]);
    await using other = await openJobLab();
    await other.import(`oci:${out}`);
    expect(await other.store.graph.indexes.of('multi:1')).toEqual(await lab.store.graph.indexes.of('multi:1'));
  });

  it('gives the one image for a platform that is asked for', async () => {
    await using lab = await openJobLab();
    await importIndex(lab);
    const sink = noteSink({ defaultCompression: 'keep' });
    const results = good(
      await runExport(lab, ['multi:1'], sink, { platform: { os: 'linux', architecture: 'ppc64le' } }),
    );
    expect(results.map(({ id }) => id)).toEqual([idOf(power)]);
    expect(sink.calls.some((call) => call.startsWith('index'))).toBe(false);
  });

  it('refuses a platform that it has not', async () => {
    await using lab = await openJobLab();
    await importIndex(lab);
    const asked = runExport(lab, ['multi:1'], noteSink(), { platform: { os: 'linux', architecture: 'mips' } });
    expect(await failureOf(asked)).toMatchObject({ code: 'UNSUPPORTED_PLATFORM', details: { platform: 'linux/mips' } });
  });

  it.each([
    ['its layers are packed anew', 'gzip', false],
    ['is not here', 'keep', true],
  ] as const)('gives the chosen image alone, and says why, when %s', async (reason, compression, removed) => {
    await using lab = await openJobLab();
    await importIndex(lab);
    if (removed) await lab.store.graph.delete(idOf(power));
    const results = good(await lab.export(['multi:1'], `oci:${join(lab.formats.dir, 'out')}`, { compression }));
    expect(results).toHaveLength(1);
    expect(lab.warnings.join()).toContain(reason);
  });
});
