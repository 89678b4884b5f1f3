import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createThreadPool, type ThreadPoolOptions } from '../../src/pool/thread-pool.ts';
import type { TaskPool } from '../../src/tasks/task-pool.ts';
import { failure, play, poolSuite } from '../suites/pool.ts';

const entry = new URL('../support/workers/main.dev.mjs', import.meta.url).href;

for (const threads of [1, 2]) {
  poolSuite(`thread pool of ${threads}`, (options) => createThreadPool({ threads, entry, ...options }));
}

poolSuite('thread pool that starts late', (options) =>
  createThreadPool({ threads: 2, entry, start: 'with-first-task', ...options }),
);

describe('threads that start with the first task', () => {
  const threadsOf = (): number => readdirSync('/proc/self/task').length;

  it('are not there before it, and need no end without it', async () => {
    const before = threadsOf();
    const unused = createThreadPool({ threads: 2, entry, start: 'with-first-task' });
    expect(threadsOf()).toBe(before);
    await unused.close();
    const pool = createThreadPool({ threads: 2, entry, start: 'with-first-task' });
    expect((await play(pool, 'echo', 5)).size).toBe(5);
    expect(threadsOf()).toBeGreaterThanOrEqual(before + 2);
    await pool.close();
  });
});

describe('a thread', () => {
  const pools: TaskPool[] = [];
  const open = (options: Partial<ThreadPoolOptions> = {}): TaskPool => {
    const pool = createThreadPool({ threads: 2, entry, ...options });
    pools.push(pool);
    return pool;
  };
  afterEach(async () => {
    await Promise.all(pools.splice(0).map((pool) => pool.close()));
  });

  it('that is busy without a break still hears the cancel word', async () => {
    const abort = new AbortController();
    const error = await failure(
      play(open(), 'busy', 0, { signal: abort.signal, onProgress: ({ bytesOut }) => bytesOut > 0 && abort.abort() }),
    );
    expect(error).toMatchObject({ code: 'CANCELLED', message: 'the task was cancelled' });
  });

  it('that calls process.exit fails its own task only, with the names of task and job', async () => {
    const pool = open();
    const abort = new AbortController();
    const neighbour = failure(play(pool, 'busy', 0, { signal: abort.signal }));
    const error = await failure(play(pool, 'exit', 0, { job: 'import-3' }));
    expect(error).toMatchObject({ kind: 'Internal', code: 'TASK_CRASHED', details: { task: 'blob.copy' } });
    expect(error.message).toContain('blob.copy of job import-3');
    expect((await play(pool, 'echo', 5)).size).toBe(5);
    abort.abort();
    expect(await neighbour).toMatchObject({ code: 'CANCELLED', message: 'the task was cancelled' });
  });

  it('with an uncaught exception is replaced', async () => {
    const pool = open({ threads: 1 });
    const error = await failure(play(pool, 'late-throw'));
    expect(error).toMatchObject({ code: 'TASK_CRASHED' });
    expect(error.message).toContain('nobody awaited this');
    expect((await play(pool, 'echo', 6)).size).toBe(6);
  });

  it('that runs out of memory is replaced', async () => {
    const pool = open({ threads: 1, heapMib: 64 });
    const error = await failure(play(pool, 'out-of-memory', 0, { job: 'register-1' }));
    expect(error).toMatchObject({ kind: 'Resource', code: 'TASK_OUT_OF_MEMORY', details: { task: 'blob.copy' } });
    expect((await play(pool, 'echo', 7)).size).toBe(7);
  });

  it('that does not answer a cancel is ended after the grace time, and its queue goes on', async () => {
    const pool = open({ threads: 1, graceMs: 50 });
    const abort = new AbortController();
    const deaf = failure(
      play(pool, 'deaf', 0, { signal: abort.signal, onProgress: ({ entries }) => entries > 0 && abort.abort() }),
    );
    const next = play(pool, 'echo', 8);
    expect(await deaf).toMatchObject({ code: 'CANCELLED', message: expect.stringContaining('did not answer') });
    expect((await next).size).toBe(8);
  });

  it('that dies does not lose the tasks behind it', async () => {
    const pool = open();
    const runs = Array.from({ length: 12 }, (_, i) =>
      i % 4 === 0
        ? failure(play(pool, 'exit')).then(({ code }) => code)
        : play(pool, 'echo', i).then(({ size }) => size),
    );
    expect(await Promise.all(runs)).toEqual(Array.from({ length: 12 }, (_, i) => (i % 4 === 0 ? 'TASK_CRASHED' : i)));
  });

  it('that cannot load fails every task, instead of leaving them waiting', async () => {
    const pool = open({ entry: new URL('no-such-worker.mjs', import.meta.url).href });
    const errors = await Promise.all(Array.from({ length: 6 }, () => failure(play(pool, 'echo'))));
    expect(new Set(errors.map((error) => error.code))).toEqual(new Set(['TASK_CRASHED']));
    expect(errors.at(-1)!.message).toContain('no-such-worker');
  });

  it('that is still loading finishes that before close ends it', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'layermill-slow-start-'));
    vi.stubEnv('SLOW_START_MARK', join(dir, 'loaded'));
    const pool = createThreadPool({
      threads: 1,
      entry: new URL('../support/workers/slow-start.mjs', import.meta.url).href,
    });
    await pool.close();
    vi.unstubAllEnvs();
    expect(readdirSync(dir)).toEqual(['loaded']);
    rmSync(dir, { recursive: true });
  });

  it('that is deaf does not keep close waiting for ever', async () => {
    const pool = open({ graceMs: 50 });
    const deaf = failure(play(pool, 'deaf'));
    await play(pool, 'echo');
    await pool.close();
    expect(await deaf).toMatchObject({ code: 'CANCELLED' });
  });
});
