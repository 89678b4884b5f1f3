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
