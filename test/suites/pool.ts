import { afterEach, describe, expect, it } from 'vitest';
import { IntegrityError, isEngineError } from '../../src/errors/kinds.ts';
import type { EngineError } from '../../src/errors/engine-error.ts';
import type { TaskWarning } from '../../src/tasks/envelope.ts';
import type { TaskCounters } from '../../src/tasks/task-cell.ts';
import type { RunOptions, TaskPool } from '../../src/tasks/task-pool.ts';
import { scenario } from '../support/pool-scenarios.ts';

/** Makes a pool that serves `scenarioHandlers`. */
export type PoolFactory = (options?: { maxQueue?: number }) => TaskPool;

/** The promises that every TaskPool keeps. */
export function poolSuite(name: string, create: PoolFactory): void {
  describe(name, () => {
    const pools: TaskPool[] = [];
    const open: PoolFactory = (options) => {
      const pool = create(options);
      pools.push(pool);
      return pool;
    };
    afterEach(async () => {
      await Promise.all(pools.splice(0).map((pool) => pool.close()));
    });

    it('answers the output of a task', async () => {
      const output = await play(open(), 'echo', 41);
      expect(output.size).toBe(41);
    });

    it('never lends an object of the caller to a task', async () => {
      const input = scenario('mutate');
      await open().run('blob.copy', input);
      expect(input.to).toBe('nowhere');
    });

    it('keeps class, code, message and details of an error', async () => {
      const error = await failure(play(open(), 'mismatch'));
      expect(error).toBeInstanceOf(IntegrityError);
      expect(error).toMatchObject({
        name: 'IntegrityError',
        code: 'DIFF_ID_MISMATCH',
        message: 'layer 3 is not what its config says',
        details: { expected: 'sha256:aa', actual: 'sha256:bb', layer: 3 },
      });
      expect(error.stack).toContain('pool-scenarios');
    });

    it.each([
      ['a bug', 'bug', 'INTERNAL'],
      ['a thrown string', 'not-an-error', 'INTERNAL'],
      ['a stack overflow', 'overflow', 'INTERNAL'],
      ['a system error', 'missing-file', 'FILE_NOT_FOUND'],
    ])('codes %s and goes on', async (_what, name, code) => {
      const pool = open();
      expect(await failure(play(pool, name))).toMatchObject({ code });
      expect((await play(pool, 'echo', 1)).size).toBe(1);
    });

    it('has room for 200 tasks in flight and mixes no answers up', async () => {
      const pool = open();
      const sizes = Array.from({ length: 200 }, (_, i) => i);
      const outputs = await Promise.all(sizes.map((size) => play(pool, 'echo', size)));
      expect(outputs.map((output) => output.size)).toEqual(sizes);
    });

    it('takes the task of the highest rank next, and those of one rank as they came', async () => {
      const pool = open();
      const [first, ...others] = await Promise.all(Array.from({ length: pool.threads }, () => occupy(pool)));
      const order: number[] = [];
      const ranked = [1, 5, 0, 5, 3].map(async (rank, index) => {
        await play(pool, 'echo', 0, { rank });
        order.push(index);
      });
      expect(pool.idle).toBe(0);
      // One thread serves them all, so that the order of their answers is that of their turns.
      await first!();
      await Promise.all(ranked);
      expect(order).toEqual([1, 3, 4, 0, 2]);
      await Promise.all(others.map((release) => release()));
      expect(pool.idle).toBe(pool.threads);
    });

    it('lets 200 running and waiting tasks be cancelled by one signal', async () => {
      const pool = open();
      const abort = new AbortController();
      const runs = Array.from({ length: 200 }, () => failure(play(pool, 'patient', 0, { signal: abort.signal })));
      abort.abort();
      expect(new Set((await Promise.all(runs)).map((error) => error.code))).toEqual(new Set(['CANCELLED']));
    });

    it('refuses a signal that is aborted already without running anything', async () => {
      const samples: TaskCounters[] = [];
      const options = { signal: AbortSignal.abort(), onProgress: (at: TaskCounters) => void samples.push(at) };
      expect(await failure(play(open(), 'count', 5, options))).toMatchObject({ code: 'CANCELLED' });
      expect(samples).toEqual([]);
    });

    it('cancels a running task, which answers, and uses its thread again', async () => {
      const pool = open();
      const abort = new AbortController();
      const error = await failure(
        play(pool, 'patient', 0, { signal: abort.signal, onProgress: ({ entries }) => entries > 0 && abort.abort() }),
      );
      expect(error).toMatchObject({ code: 'CANCELLED', message: 'the task was cancelled' });
      expect((await play(pool, 'echo', 2)).size).toBe(2);
    });

    it('drops a cancelled task that waits for a thread and runs the others', async () => {
      const pool = open();
      const blocker = new AbortController();
      const blocked = Array.from({ length: pool.threads }, () =>
        failure(play(pool, 'patient', 0, { signal: blocker.signal })),
      );
      const waiter = new AbortController();
      const dropped = failure(play(pool, 'echo', 0, { signal: waiter.signal }));
      const kept = play(pool, 'echo', 3);
      waiter.abort();
      expect(await dropped).toMatchObject({ code: 'CANCELLED' });
      blocker.abort();
      expect((await kept).size).toBe(3);
      await Promise.all(blocked);
    });

    it('samples progress while a task runs and once at its end', async () => {
      const samples: TaskCounters[] = [];
      await play(open(), 'count', 1000, { onProgress: (at) => void samples.push(at) });
      expect(samples.at(-1)).toMatchObject({ bytesIn: 1000, bytesOut: 2000, entries: 7 });
    });

    it('delivers a hundred warnings and counts the rest by code', async () => {
      const warnings: TaskWarning[] = [];
      await play(open(), 'warn', 150, { onWarning: (warning) => void warnings.push(warning) });
      expect(warnings).toHaveLength(102);
      expect(warnings[99]).toEqual({ code: 'XATTR_SKIPPED', message: 'attribute 99', entry: 'file-99' });
      expect(warnings.slice(100)).toEqual([
        { code: 'XATTR_SKIPPED', message: '50 more warnings of this kind' },
        { code: 'OWNER_SKIPPED', message: '1 more warnings of this kind' },
      ]);
    });

    it('refuses more waiting tasks than its queue holds', async () => {
      const pool = open({ maxQueue: 1 });
      const abort = new AbortController();
      const runs = Array.from({ length: pool.threads + 1 }, () =>
        failure(play(pool, 'patient', 0, { signal: abort.signal })),
      );
      expect(await failure(play(pool, 'echo'))).toMatchObject({ code: 'LIMIT_EXCEEDED', details: { allowed: 1 } });
      abort.abort();
      await Promise.all(runs);
    });

    it('cancels what runs and what waits when it is closed, and refuses what comes later', async () => {
      const pool = open();
      const runs = Array.from({ length: pool.threads + 2 }, () => failure(play(pool, 'patient')));
      const late = failure(
        new Promise((resolve, reject) => {
          void pool.close().then(() => play(pool, 'echo').then(resolve, reject));
        }),
      );
      for (const run of [...runs, late]) expect(await run).toMatchObject({ code: 'CANCELLED' });
      await pool.close();
    });
  });
}

/** Keeps a thread busy; resolves when it is, with what ends that. */
async function occupy(pool: TaskPool): Promise<() => Promise<unknown>> {
  const stop = new AbortController();
  let ended!: Promise<unknown>;
  await new Promise<void>((begun) => {
    const onProgress = ({ bytesIn }: TaskCounters): void => void (bytesIn > 0 && begun());
    ended = failure(play(pool, 'patient', 0, { signal: stop.signal, onProgress }));
  });
  return () => {
    stop.abort();
    return ended;
  };
}

export function play(pool: TaskPool, name: string, size = 0, options: RunOptions = {}): ReturnType<typeof run> {
  return run(pool, name, size, options);
}

const run = (pool: TaskPool, name: string, size: number, options: RunOptions) =>
  pool.run('blob.copy', scenario(name, size), options);

/** The error that a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<EngineError> {
  try {
    await promise;
  } catch (error) {
    if (isEngineError(error)) return error;
    throw error;
  }
  throw new Error('expected a failure');
}
