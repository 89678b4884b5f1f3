import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { StoreLock, type StoreLockOptions } from '../../src/graph/store-lock.ts';
import { openSystem } from '../../src/system/select.ts';
import { codeOf } from '../support/code-of.ts';

const system = openSystem();
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'layermill-lock-'));
});
afterEach(() => rmSync(root, { recursive: true }));

/** Each has descriptors of its own, so that two of them are to the kernel what two processes are. */
const lock = (options: Partial<StoreLockOptions> = {}): StoreLock =>
  new StoreLock(root, { flock: (fd, mode) => system.lock(fd, mode), timeoutMs: 5000, ...options });

test('one at a time, among processes and inside one', async () => {
  const locks = [lock(), lock(), lock()];
  let inside = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    most = Math.max(most, ++inside);
    await setTimeout(1);
    inside--;
  };
  await Promise.all(Array.from({ length: 30 }, (_, index) => locks[index % 3]!.exclusive(work)));
  expect(most).toBe(1);
});

test('whoever waits is told for whom, and gives up in time', async () => {
  const waited: string[] = [];
  const holder = lock();
  await holder.exclusive(async () => {
    const impatient = lock({ timeoutMs: 600, onWait: (by) => waited.push(by) });
    const failure: unknown = await impatient.exclusive(() => Promise.resolve()).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'STORE_LOCKED',
      details: { root, holder: `process ${process.pid} on ${hostname()}` },
    });
  });
  expect(waited).toEqual([`process ${process.pid} on ${hostname()}`]);
});

test('waiting can be cancelled', async () => {
  const stop = new AbortController();
  await lock().exclusive(async () => {
    const waiting = lock().exclusive(() => Promise.resolve(), stop.signal);
    stop.abort();
    expect(await codeOf(waiting)).toBe('CANCELLED');
  });
});

test('several who wait in one process give up at the time that each was given', async () => {
  await lock().exclusive(async () => {
    const ours = lock({ timeoutMs: 300 });
    const waiting = [1, 2, 3, 4].map(() => codeOf(ours.exclusive(() => Promise.resolve())));
    // Two waits one after the other: longer than four side by side, shorter than four in a row.
    const twice = codeOf(lock({ timeoutMs: 300 }).exclusive(() => Promise.resolve())).then(() =>
      codeOf(lock({ timeoutMs: 300 }).exclusive(() => Promise.resolve())),
    );
    expect(await Promise.race([Promise.all(waiting), twice])).toEqual(Array(4).fill('STORE_LOCKED'));
    await twice;
  });
});

test('waiting behind another in one process can be cancelled', async () => {
  const stop = new AbortController();
  await lock().exclusive(async () => {
    const ours = lock({ timeoutMs: 500 });
    const front = codeOf(ours.exclusive(() => Promise.resolve()));
    const second = codeOf(ours.exclusive(() => Promise.resolve(), stop.signal));
    const third = codeOf(ours.exclusive(() => Promise.resolve()));
    stop.abort();
    expect(await Promise.race([front, second])).toBe('CANCELLED');
    expect(await Promise.all([front, third])).toEqual(['STORE_LOCKED', 'STORE_LOCKED']);
  });
});

test('one that gave up leaves the order of the others as it was', async () => {
  const ours = lock();
  const stop = new AbortController();
  const seen: string[] = [];
  const first = ours.exclusive(async () => {
    await setTimeout(20);
    seen.push('first');
  });
  const second = codeOf(ours.exclusive(() => Promise.resolve(seen.push('second')), stop.signal));
  const third = ours.exclusive(() => Promise.resolve(seen.push('third')));
  stop.abort();
  expect(await second).toBe('CANCELLED');
  await Promise.all([first, third]);
  expect(seen).toEqual(['first', 'third']);
});

test('time that this process works under the lock is no waiting', async () => {
  const ours = lock({ timeoutMs: 40 });
  const long = ours.exclusive(() => setTimeout(200));
  expect(await ours.exclusive(() => Promise.resolve('mine'))).toBe('mine');
  await long;
});

test('work for when nobody is at it is done then, and only then', async () => {
  const ours = lock();
  let calls = 0;
  const work = async (): Promise<void> => void calls++;
  expect(await ours.ifFree(work)).toBe(true);
  await lock().exclusive(async () => expect(await ours.ifFree(work)).toBe(false));
  await ours.exclusive(async () => expect(await ours.ifFree(work)).toBe(false));
  expect(await ours.ifFree(async () => expect(await ours.ifFree(work)).toBe(false))).toBe(true);
  expect(calls).toBe(1);
});

test('work that fails frees the lock', async () => {
  const first = lock();
  expect(await codeOf(first.exclusive(() => Promise.reject(new Error('x'))))).toBeInstanceOf(Error);
  expect(await lock({ timeoutMs: 100 }).exclusive(() => Promise.resolve('free'))).toBe('free');
});

test('changes are counted for all to see, each kind for itself', async () => {
  const one = lock();
  const other = lock();
  expect(one.changes('images')).toBe(0);
  await one.exclusive(async () => one.noteChange('images'));
  await other.exclusive(async () => {
    other.noteChange('images');
    other.noteChange('tags');
  });
  expect([one.changes('images'), one.changes('tags')]).toEqual([2, 1]);
  // Of one size for ever: readers never meet half of a new content.
  expect(readFileSync(join(root, 'layermill.lock')).length).toBe(512);
});
