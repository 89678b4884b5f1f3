import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { profileFor } from '../src/compression/codecs.ts';
import type { CompressionProfile, PackingName } from '../src/compression/codec.ts';
import { loadSettings } from '../src/config/load.ts';
import { SETTING_NAMES } from '../src/config/schema.ts';
import { type Engine, openEngine } from '../src/engine.ts';
import { LOCK_FILE } from '../src/graph/store-lock.ts';
import { digestHex } from '../src/identity/digest.ts';
import type { SourceItem } from '../src/image/image-source.ts';
import { createThreadPool } from '../src/pool/thread-pool.ts';
import { tryLock } from '../src/streams/lock-file.ts';
import { openSystem } from '../src/system/select.ts';
import { openSink } from '../src/formats/transports.ts';
import { codeOf } from './support/code-of.ts';
import { fixtureImage, packedLayer } from './support/image-fixture.ts';
import { imageDirectory, modernImage } from './support/modern-image.ts';
import { sample } from './support/packed.ts';
import { file, pax, tar } from './support/tar-fixture.ts';
import { inlinePool } from './support/test-store.ts';

vi.mock(import('../src/pool/thread-pool.ts'), () => ({ createThreadPool: vi.fn(() => inlinePool()) }));

const ID = 'a'.repeat(64);
/** Enough that levels and implementations differ. */
const bytes = tar([file('big', sample(300_000).toString('latin1'))]);

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'layermill-engine-'));
  writeFileSync(join(dir, 'layer.tar'), bytes);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(dir, { recursive: true });
});

/** An engine with one setting of a file, the others as they are by default. */
async function engineWith(name: string, value: unknown): Promise<Engine> {
  const [key, inner] = name.split('.') as [string, string?];
  const content = { root: join(dir, 'store'), [key]: inner === undefined ? value : { [inner]: value } };
  writeFileSync(join(dir, 'settings.json'), JSON.stringify(content));
  return openEngine(await loadSettings({ config: join(dir, 'settings.json'), env: {} }));
}

/** How many of several jobs of a kind that never end by themselves are begun. */
async function begun(engine: Engine, lane: 'io' | 'cpu', count: number): Promise<number> {
  // A job loads its work when it is first needed: one that is still loading when the test ends would do real work then.
  await Promise.all([
    import('../src/coordinator/jobs/register.ts'),
    import('../src/coordinator/jobs/temp-layer-archive.ts'),
  ]);
  let running = 0;
  const never = new Promise<never>(() => {});
  vi.spyOn(engine.graph, 'register').mockReturnValue(never);
  vi.spyOn(engine.graph, 'tempLayerArchive').mockReturnValue(never);
  for (let at = 0; at < count; at++) {
    const job =
      lane === 'io'
        ? ({ type: 'register', image: { id: ID }, layer: null } as const)
        : ({ type: 'tempLayerArchive', id: ID, compression: 'none' } as const);
    await engine.coordinator.submit(job, { onStart: () => running++ });
  }
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  return running;
}

/** How many images of a source an import takes before one of them has ended. */
async function imagesAtOnce(engine: Engine): Promise<number> {
  // A job loads its work when it is first needed; what is counted below are turns.
  await import('../src/coordinator/jobs/run-import.ts');
  let started = 0;
  vi.spyOn(engine.graph, 'addImage').mockImplementation(() => {
    started++;
    return new Promise<never>(() => {});
  });
  const images = async function* (): AsyncGenerator<SourceItem> {
    for (let at = 0; at < 20; at++) yield modernImage(dir, fixtureImage([], { config: { author: `${at}` } }));
  };
  const source = { transport: 'test', location: 'test', images, close: () => Promise.resolve() };
  await engine.coordinator.submit({ type: 'import', source });
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  return started;
}

async function archived(engine: Engine, compression: PackingName | CompressionProfile): Promise<string> {
  await engine.graph.register({ id: ID }, join(dir, 'layer.tar'));
  const job = await engine.coordinator.submit({ type: 'tempLayerArchive', id: ID, compression });
  await using archive = await job.done;
  return archive.digest;
}

/** The digest of the layer packed by a profile that is given in full. */
async function packedBy(engine: Engine, wanted: Parameters<typeof profileFor>[0]): Promise<string> {
  await using archive = await engine.graph.tempLayerArchive(ID, profileFor(wanted));
  return archive.digest;
}

/** What an export to a layout writes for a layer when the job says nothing of compression. */
async function exportedAs(engine: Engine, compression?: PackingName): Promise<string[]> {
  await engine.graph.register({ id: ID }, join(dir, 'layer.tar'));
  const sink = await openSink(`oci:${join(dir, `out-${compression}`)}`, engine.formats);
  const putImage = vi.spyOn(sink, 'putImage');
  const job = await engine.coordinator.submit({ type: 'export', names: [ID], sink, compression });
  expect((await job.done)[0]).toMatchObject({ error: null });
  return putImage.mock.calls[0]![0].layers.map(({ mediaType, digest }) => `${mediaType} ${digest}`);
}

function limitHit(layer: Buffer): (engine: Engine) => Promise<unknown> {
  return async ({ graph }) => {
    writeFileSync(join(dir, 'over.tar'), layer);
    const failure: unknown = await graph.register({ id: ID }, join(dir, 'over.tar')).catch((error: unknown) => error);
    return (failure as { code?: unknown }).code;
  };
}

/** For each setting a value, what shows that it acts, and what that shows without the setting. */
const ACTS: Record<string, [value: unknown, see: (engine: Engine) => unknown, shows: unknown, otherwise: unknown]> = {
  driver: ['vfs', ({ graph }) => graph.driver.name, 'vfs', 'overlay2'],
  jobs: [7, imagesAtOnce, 7, undefined],
  'lanes.io': [5, (engine) => begun(engine, 'io', 7), 5, undefined],
  'lanes.cpu': [6, (engine) => begun(engine, 'cpu', 8), 6, undefined],
  'budgets.spoolBytes': ['1MiB', ({ formats }) => formats.spool?.capacity, 1024 ** 2, 8 * 1024 ** 3],
  durability: ['none', countSyncs, 0, 1],
  lockTimeout: [0, setWhileLocked, 'STORE_LOCKED', 'no error'],
  blobs: ['drop', keptBlob, false, true],
  'limits.entries': [1, limitHit(tar([file('a', ''), file('b', '')])), 'LIMIT_EXCEEDED', undefined],
  'limits.pathBytes': [5, limitHit(tar([file('a/b/c/d', '')])), 'LIMIT_EXCEEDED', undefined],
  'limits.componentBytes': [5, limitHit(tar([file('abcdef', '')])), 'LIMIT_EXCEEDED', undefined],
  'limits.depth': [2, limitHit(tar([file('a/b/c/d', '')])), 'LIMIT_EXCEEDED', undefined],
  'limits.metaBytes': [
    512,
    limitHit(tar([pax({ comment: 'x'.repeat(600) }), file('a', '')])),
    'LIMIT_EXCEEDED',
    undefined,
  ],
  'limits.layerBytes': [1024, limitHit(tar([file('a', 'x'.repeat(2000))])), 'LIMIT_EXCEEDED', undefined],
};

async function countSyncs(engine: Engine): Promise<number> {
  const sync = vi.spyOn(engine.system, 'syncFileSystem').mockResolvedValue(0);
  await engine.graph.register({ id: ID }, null);
  return sync.mock.calls.length;
}

/** The lock is let go after a moment, which only who waits sees. */
async function setWhileLocked(engine: Engine): Promise<unknown> {
  const system = openSystem();
  const held = tryLock(join(engine.root, LOCK_FILE), 'exclusive', (fd, mode) => system.lock(fd, mode))!;
  const saved = codeOf(engine.tags.save());
  setTimeout(() => held.release(), 200);
  return saved;
}

async function keptBlob(engine: Engine): Promise<boolean> {
  const images = imageDirectory();
  const image = modernImage(images, fixtureImage([packedLayer(bytes, 'gzip')], { names: ['packed:1'] }));
  const source = {
    transport: 'test',
    location: 'test',
    images: async function* () {
      yield image;
    },
    close: () => rm(images, { recursive: true }),
  };
  const [result] = await (await engine.coordinator.submit({ type: 'import', source })).done;
  await source.close();
  expect(result).toMatchObject({ error: null });
  return existsSync(join(engine.root, 'blobs/sha256', digestHex(packedLayer(bytes, 'gzip').digest)));
}

describe('every setting acts on what is opened with it', () => {
  it('has a test', () => {
    const elsewhere = ['log.level', 'log.format', 'progress', 'cache.dir', 'cache.bytes', 'registry.requestsPerSecond'];
    const here = SETTING_NAMES.filter((name) => !elsewhere.includes(name));
    const apart = ['root', 'threads', 'budgets.threadHeapBytes', 'limits.expansionRatio'];
    const packing = [
      'compression.default',
      'compression.gzipLevel',
      'compression.zstdLevel',
      'compression.reproducible',
      'compression.libraries',
    ];
    expect([...Object.keys(ACTS), ...apart, ...packing].sort()).toEqual([...here].sort());
  });

  it.each(Object.entries(ACTS))('%s', async (name, [value, see, shows, otherwise]) => {
    const engine = await engineWith(name, value);
    expect(await see(engine)).toEqual(shows);
    // Jobs that never end cannot be closed, and what a limit refuses is taken by every other test.
    if (otherwise === undefined) return;
    await engine.close();
    await rm(join(dir, 'store'), { recursive: true });
    await using plain = await engineWith('threads', 1);
    expect(await see(plain)).toEqual(otherwise);
  });

  it('root', async () => {
    await using engine = await engineWith('root', join(dir, 'elsewhere'));
    expect(engine.root).toBe(join(dir, 'elsewhere'));
    expect(existsSync(join(dir, 'elsewhere/graph'))).toBe(true);
  });

  it('threads and budgets.threadHeapBytes', async () => {
    const made = vi.mocked(createThreadPool);
    made.mockClear();
    await (await engineWith('threads', 3)).close();
    await (await engineWith('budgets.threadHeapBytes', '256MiB')).close();
    expect(made.mock.calls[0]![0]).toMatchObject({ threads: 3, heapMib: 1024 });
    expect(made.mock.calls[1]![0]).toMatchObject({ heapMib: 256 });
  });

  it('limits.expansionRatio', async () => {
    const zeros = packedLayer(tar([file('zeros', '\0'.repeat(80 * 1024 ** 2))]), 'gzip').stored;
    await using engine = await engineWith('limits.expansionRatio', 20);
    expect(await limitHit(zeros)(engine)).toBe('LIMIT_EXCEEDED');
  });

  it.each([
    ['compression.gzipLevel', 9, { compression: 'gzip', level: 9 }],
    ['compression.zstdLevel', 19, { compression: 'zstd', level: 19 }],
    ['compression.reproducible', true, { compression: 'gzip', reproducible: true }],
  ] as const)('%s, in a layer archive and in an export', async (name, value, profile) => {
    await using engine = await engineWith(name, value);
    const packed = await archived(engine, profile.compression);
    expect(packed).toBe(await packedBy(engine, profile));
    expect(packed).not.toBe(await packedBy(engine, { compression: profile.compression }));
    expect((await exportedAs(engine, profile.compression))[0]).toContain(packed);
  });

  it('compression.libraries', async () => {
    await using engine = await engineWith('compression.libraries', 'off');
    for (const compression of ['gzip:libdeflate', 'gzip:isal'] as const) {
      const off = { code: 'LIBRARY_UNAVAILABLE', message: expect.stringContaining('compression.libraries') };
      await expect(archived(engine, compression)).rejects.toMatchObject(off);
      await expect(archived(engine, profileFor({ compression }))).rejects.toMatchObject(off);
      await expect(exportedAs(engine, compression)).rejects.toMatchObject(off);
    }
  });

  it('compression.default', async () => {
    await using engine = await engineWith('compression.default', 'zstd');
    expect(await exportedAs(engine)).toEqual([expect.stringContaining('+zstd')]);
    // What the job says counts more.
    expect(await exportedAs(engine, 'gzip')).toEqual([expect.stringContaining('+gzip')]);
  });
});
