import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { openSource } from '../../src/formats/transports.ts';
import { sha256Digest } from '../../src/identity/digest.ts';
import { archiveOf, dockerArchiveFiles, fixtureImage, type FixtureLayer, pack } from '../support/image-fixture.ts';
import { type JobLab, openJobLab } from '../support/job-lab.ts';
import { installed, sample } from '../support/packed.ts';
import { file, tar } from '../support/tar-fixture.ts';

const MIB = 1024 ** 2;
const xz = installed('xz');

const layerBytes = (number: number, size = MIB): Buffer =>
  tar([file(`file-${number}`, sample(size, number).toString('latin1'))]);

/** Chunk by chunk, with a turn in between, so that several streams really grow side by side. */
async function* slowly(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 64 * 1024) {
    await new Promise((resolve) => setImmediate(resolve));
    yield bytes.subarray(at, at + 64 * 1024);
  }
}

function xzLayer(bytes: Buffer): FixtureLayer {
  const stored = execFileSync(xz!, ['-1', '-c'], { input: bytes, maxBuffer: 64 * MIB });
  return { tar: bytes, stored, diffId: sha256Digest(bytes), digest: sha256Digest(stored), compression: 'none' };
}

function xzArchive(lab: JobLab, count: number): string {
  const layers = Array.from({ length: count }, (_, at) => xzLayer(layerBytes(at, (at + 1) * 256 * 1024)));
  const path = join(lab.formats.dir, 'xz.tar');
  writeFileSync(path, archiveOf(dockerArchiveFiles([fixtureImage(layers, { names: ['packed:1'] })])));
  return path;
}

describe('the budget of temporary files', () => {
  it('holds for layers that come as streams, however many come at once', async () => {
    await using lab = await openJobLab({ spoolBytes: 2 * MIB, lanes: { io: 8, cpu: 2 } });
    const layers = Array.from({ length: 8 }, (_, at) => layerBytes(at));
    const jobs = layers.map((bytes, at) => ({
      type: 'register' as const,
      image: { id: `${at}`.repeat(64) },
      layer: slowly(bytes),
    }));
    const ends: string[] = [];
    for await (const event of lab.coordinator.run(jobs)) if (event.type !== 'started') ends.push(event.type);
    expect(ends).toEqual(Array(8).fill('done'));
    expect(lab.spool.peak).toBeGreaterThan(2 * MIB - layers[0]!.length);
    // The bound, and the rest of the one that may go beyond it.
    expect(lab.spool.peak).toBeLessThanOrEqual(2 * MIB + layers[0]!.length);
    expect(lab.spool.used).toBe(0);
  });

  it.skipIf(xz === undefined).each(['overlay2', 'vfs'])(
    'is less than any layer that xz has to unpack, and the import ends (%s)',
    async (driver) => {
      await using lab = await openJobLab({ driver, spoolBytes: MIB / 8 });
      const [result] = await lab.import(xzArchive(lab, 4));
      expect(result).toMatchObject({ error: null, registered: 4 });
      expect(lab.spool.peak).toBeGreaterThan(MIB / 4);
      expect(lab.spool.used).toBe(0);
    },
  );

  it('is held by an archive that had to be unpacked until its source is closed', async () => {
    await using lab = await openJobLab();
    const bytes = archiveOf(dockerArchiveFiles([fixtureImage([plainLayer(1)], { names: ['a:1'] })]));
    const path = join(lab.formats.dir, 'packed.tar.gz');
    writeFileSync(path, pack(bytes, 'gzip'));
    const source = await openSource(path, lab.formats.context);
    expect(lab.spool.used).toBe(bytes.length);
    await source.close();
    expect(lab.spool.used).toBe(0);
  });

  it('is held by what comes on stdin, and not by both forms of it', async () => {
    await using lab = await openJobLab();
    const bytes = archiveOf(dockerArchiveFiles([fixtureImage([plainLayer(1)], { names: ['a:1'] })]));
    const stdin = Readable.from([pack(bytes, 'gzip')]);
    const source = await openSource('-', { ...lab.formats.context, stdin });
    expect(lab.spool.used).toBe(bytes.length);
    expect((await lab.import(source))[0]).toMatchObject({ error: null });
    expect(lab.spool.used).toBe(0);
  });

  it('does not keep archives from each other, nor their layers from them', async () => {
    await using lab = await openJobLab({ spoolBytes: 1 });
    const paths = [1, 2].map((number) => {
      const path = join(lab.formats.dir, `${number}.tar.gz`);
      const image = fixtureImage([plainLayer(number)], { names: [`image:${number}`] });
      writeFileSync(path, pack(archiveOf(dockerArchiveFiles([image])), 'gzip'));
      return path;
    });
    const sources = [];
    for (const path of paths) sources.push(await openSource(path, lab.formats.context));
    const results = await Promise.all(sources.map((source) => lab.import(source)));
    expect(results.flat().map(({ error }) => error)).toEqual([null, null]);
    expect(lab.spool.used).toBe(0);
  });

  it('is held by a temporary archive until the caller has it', async () => {
    await using lab = await openJobLab();
    const layer = layerBytes(1);
    await lab.store.graph.register({ id: 'a'.repeat(64) }, Readable.from([layer]));
    const run = lab.store.pool.run.bind(lab.store.pool);
    const held: number[] = [];
    vi.spyOn(lab.store.pool, 'run').mockImplementation((...task) => {
      held.push(lab.spool.used);
      return run(...task);
    });
    await using archive = await lab.store.graph.tempLayerArchive('a');
    expect(held).toEqual([layer.length]);
    expect(lab.spool.used).toBe(0);
    expect(layer.equals(await readFile(archive.path))).toBe(true);
  });

  it('is free again after a stream that fails', async () => {
    await using lab = await openJobLab();
    const broken = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.alloc(MIB);
      throw new Error('gone');
    };
    await expect(lab.store.graph.register({ id: 'a'.repeat(64) }, broken())).rejects.toThrow('gone');
    expect(lab.spool.used).toBe(0);
    expect(lab.spool.peak).toBe(MIB);
  });
});

function plainLayer(number: number): FixtureLayer {
  const bytes = layerBytes(number);
  return { tar: bytes, stored: bytes, diffId: sha256Digest(bytes), digest: sha256Digest(bytes), compression: 'none' };
}
