import { createReadStream, mkdtempSync, writeFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Job } from '../../src/coordinator/job-list.ts';
import type { OutputCompression } from '../../src/compression/codec.ts';
import type { EngineError } from '../../src/errors/engine-error.ts';
import type { TempArchive } from '../../src/graph/temp-archive.ts';
import { digestHex, sha256Digest } from '../../src/identity/digest.ts';
import { createThreadPool } from '../../src/pool/thread-pool.ts';
import { openSystem } from '../../src/system/select.ts';
import { type JobLab, openJobLab } from '../support/job-lab.ts';
import { pack } from '../support/image-fixture.ts';
import { seeded } from '../support/random.ts';
import { file, tar } from '../support/tar-fixture.ts';
import { inlinePool } from '../support/test-store.ts';
import { viewTree } from '../../src/driver-suite/view-tree.ts';

const entry = new URL('../support/crashing/workers/main.dev.mjs', import.meta.url).href;
const JOBS = 300;
const system = openSystem();

/** A job of the mix, and what its image is tagged with. */
interface Planned {
  label: string;
  job: Exclude<Job, { type: 'import' | 'export' | 'copy' }>;
  /** The layer comes as a stream, which has to be spooled. */
  streamed?: boolean;
  cancel?: 'waiting' | 'running';
}

interface Outcome {
  /** By label: what each job gave, without what differs by nature (random ids, the time of a create). */
  results: Record<string, unknown>;
  failures: Record<string, string>;
  images: Record<string, unknown>;
}

const dir = mkdtempSync(join(tmpdir(), 'layermill-mix-'));
afterAll(() => rm(dir, { recursive: true, force: true }));

const idOf = (label: string): string => digestHex(sha256Digest(label));

/** Registers, creates and layer archives that build on one another, always the same ones. */
function plan(): Planned[] {
  const random = seeded(20);
  const registered: string[] = [];
  return Array.from({ length: JOBS }, (_, i): Planned => {
    const label = `mix-${i}`;
    const parent = registered.length === 0 || random.chance(0.1) ? '' : random.pick(registered);
    if (i % 5 === 4) {
      const compression = random.pick<OutputCompression>(['none', 'gzip', 'zstd']);
      return { label, job: { type: 'tempLayerArchive', id: random.pick(registered), compression } };
    }
    const layer = join(dir, `${label}.tar`);
    const files = Array.from({ length: 1 + random.below(5) }, (_unused, n) =>
      file(`dir-${random.below(3)}-file-${n}`, random.bytes(random.below(3000)).toString('latin1')),
    );
    writeFileSync(layer, pack(tar(files), random.pick<OutputCompression>(['none', 'gzip', 'zstd'])));
    const streamed = i % 3 === 0;
    if (i % 5 > 1)
      return { label, streamed, job: { type: 'create', layer, comment: label, ...(parent === '' ? {} : { parent }) } };
    registered.push(idOf(label));
    const image = { id: idOf(label), parent, comment: label, created: '2014-05-08T09:10:11Z' };
    return { label, streamed, job: { type: 'register', image, layer } };
  });
}

/** Jobs that must fail, for reasons of their own, among the others. */
function trouble(): Planned[] {
  const bytes = tar([file('etc/passwd', 'x'.repeat(50_000))]);
  writeFileSync(join(dir, 'bad.tar'), bytes.subarray(0, 20_000));
  writeFileSync(join(dir, 'crash.tar'), bytes);
  writeFileSync(join(dir, 'good.tar'), bytes);
  const register = (label: string, name: string): Planned => ({
    label,
    job: { type: 'register', image: { id: idOf(label) }, layer: join(dir, name) },
  });
  const cancelled = Array.from({ length: 10 }, (_, i): Planned => ({
    ...register(`cancel-${i}`, 'good.tar'),
    cancel: i % 2 === 0 ? 'waiting' : 'running',
  }));
  return [register('bad', 'bad.tar'), register('crash', 'crash.tar'), ...cancelled];
}

/** Submits all jobs, each when there is room; `oneByOne` also waits for its end. */
async function perform(lab: JobLab, jobs: Planned[], oneByOne: boolean): Promise<Outcome> {
  const results: Outcome['results'] = {};
  const failures: Outcome['failures'] = {};
  const ends: Promise<void>[] = [];
  for (const planned of jobs) {
    const { label, cancel } = planned;
    const job = planned.streamed === true ? asStream(planned.job) : planned.job;
    const abort = new AbortController();
    const handle = await lab.coordinator.submit(job, {
      signal: abort.signal,
      onStart: () => cancel === 'running' && setImmediate(() => abort.abort()),
    });
    if (cancel === 'waiting') abort.abort();
    const end = handle.done.then(
      async (result) => {
        results[label] = await describeResult(lab, label, result);
      },
      (error: EngineError) => {
        failures[label] = error.code;
      },
    );
    ends.push(end);
    if (oneByOne) await end;
  }
  await Promise.all(ends);
  return { results, failures, images: await describeStore(lab) };
}

function asStream(job: Planned['job']): Planned['job'] {
  if (!('layer' in job) || typeof job.layer !== 'string') return job;
  return { ...job, layer: createReadStream(job.layer, { highWaterMark: 1024 }) };
}

/** Less than the jobs would spool at once (about 45 kB), so that they have to wait for room. */
const SPOOL_BYTES = 16 * 1024;
/** The one file that may go beyond: five files of up to 3000 bytes, each with a header, and the end. */
const LARGEST = 5 * (512 + 3072) + 1024;

function checkBytesInFlight({ spool }: JobLab): void {
  expect(spool.peak).toBeGreaterThan(SPOOL_BYTES / 2);
  expect(spool.peak).toBeLessThanOrEqual(SPOOL_BYTES + LARGEST);
  expect(spool.used).toBe(0);
}

async function describeResult(lab: JobLab, label: string, result: TempArchive | { id: string }): Promise<unknown> {
  if ('id' in result) {
    await lab.store.tags.set('mix', label, result.id);
    return label;
  }
  await using archive = result;
  const bytes = await readFile(archive.path);
  expect(sha256Digest(bytes)).toBe(archive.digest);
  return { digest: archive.digest, diffId: archive.diffId, size: archive.size };
}

/** Every image by its tag, with its ancestors' tags, JSON, sizes, digests, and files. */
async function describeStore({ store: { graph, tags } }: JobLab): Promise<Outcome['images']> {
  const names = tags.byId();
  const images: Outcome['images'] = {};
  for await (const [id, image] of graph.map()) {
    const info = await graph.infoOf(id);
    await using tarball = await graph.tempLayerArchive(id, 'none');
    images[names.get(id)?.join() ?? `without a tag: ${id}`] = {
      ancestors: graph.history(id).map((ancestor) => names.get(ancestor.id)?.join()),
      json: image.id === idOf(image.comment) ? (await graph.rawJson(id)).toString() : { comment: image.comment },
      size: image.size,
      diffId: info?.diffId,
      rebuilt: tarball.digest,
      entries: info?.entries,
      tree: viewTree(system, await graph.mountOf(id)),
    };
  }
  return images;
}

describe('three hundred mixed jobs', () => {
  const jobs = plan();
  let expected: Outcome;

  beforeAll(async () => {
    await using lab = await openJobLab({ pool: inlinePool() });
    expected = await perform(lab, jobs, true);
    expect(expected.failures).toEqual({});
    expect(Object.keys(expected.images)).toHaveLength((JOBS / 5) * 4);
  });

  it.each([
    [1, 'overlay2'],
    [2, 'overlay2'],
    [4, 'overlay2'],
    [2, 'vfs'],
  ])('on %i threads with %s give what they give one after the other', async (threads, driver) => {
    await using lab = await openJobLab({
      pool: createThreadPool({ threads, entry }),
      driver,
      lanes: { io: 6, cpu: 3 },
      spoolBytes: SPOOL_BYTES,
    });
    expect(await perform(lab, jobs, false)).toEqual(expected);
    checkBytesInFlight(lab);
    expect(await lab.leftovers()).toEqual([]);
  });

  it.each(['overlay2', 'vfs'])(
    'with a bad tar, a crashed thread and ten cancels fail only where they must (%s)',
    async (driver) => {
      const random = seeded(7);
      const mixed = [...jobs];
      for (const bad of trouble()) mixed.splice(50 + random.below(mixed.length - 50), 0, bad);
      await using lab = await openJobLab({
        pool: createThreadPool({ threads: 2, entry }),
        driver,
        lanes: { io: 6, cpu: 3 },
        spoolBytes: SPOOL_BYTES,
      });
      const outcome = await perform(lab, mixed, false);
      const cancels = Array.from({ length: 10 }, (_, i) => [`cancel-${i}`, 'CANCELLED']);
      expect(outcome.failures).toEqual({ bad: 'TAR_TRUNCATED', crash: 'TASK_CRASHED', ...Object.fromEntries(cancels) });
      expect(outcome.images).toEqual(expected.images);
      expect(outcome.results).toEqual(expected.results);
      checkBytesInFlight(lab);
      expect(await lab.leftovers()).toEqual([]);
    },
  );
});

describe('eight exports at once', () => {
  it.each([1, 2])('on %i threads end, with equal bytes', async (threads) => {
    await using lab = await openJobLab({
      pool: createThreadPool({ threads, entry }),
      lanes: { io: 4, cpu: 8 },
      jobs: 8,
    });
    // Three parts, and bytes that do not pack to nothing.
    const random = seeded(3);
    const block = Buffer.concat([random.bytes(64 * 1024), Buffer.alloc(64 * 1024)]);
    writeFileSync(
      join(dir, 'large.tar'),
      tar([file('large', Buffer.concat(Array(160).fill(block)).toString('latin1'))]),
    );
    const image = { id: idOf('large'), created: '2014-05-08T09:10:11Z' };
    const registering = await lab.coordinator.submit({ type: 'register', image, layer: join(dir, 'large.tar') });
    await registering.done;
    await lab.store.tags.set('large', '1', image.id);
    const paths = Array.from({ length: 8 }, (_, i) => join(lab.formats.dir, `${i}.tar`));
    const results = await Promise.all(
      paths.map((path) => lab.export(['large:1'], `docker-archive:${path}`, { compression: 'gzip' })),
    );
    expect(results.flat().map(({ error }) => error)).toEqual(Array(8).fill(null));
    const digests = await Promise.all(paths.map(async (path) => sha256Digest(await readFile(path))));
    expect(new Set(digests).size).toBe(1);
    expect(await lab.leftovers()).toEqual([]);
  });
});
