import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { KeyedLock } from '../../src/streams/keyed-lock.ts';

test('work of one key runs one after the other, in order, whatever fails', async () => {
  const locks = new KeyedLock();
  const log: string[] = [];
  const work =
    (name: string, fails = false) =>
    async (): Promise<void> => {
      log.push(`${name} starts`);
      await setTimeout(1);
      log.push(`${name} ends`);
      if (fails) throw new Error(name);
    };
  const results = await Promise.allSettled([
    locks.run('k', work('a')),
    locks.run('k', work('b', true)),
    locks.run('k', work('c')),
  ]);
  expect(log).toEqual(['a starts', 'a ends', 'b starts', 'b ends', 'c starts', 'c ends']);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

test('different keys do not wait for each other', async () => {
  const locks = new KeyedLock();
  let open: () => void = () => {};
  const first = locks.run('a', () => new Promise<void>((resolve) => (open = resolve)));
  await locks.run('b', () => Promise.resolve());
  open();
  await first;
});

test('who gives up waiting is not run, and does not let others in early', async () => {
  const locks = new KeyedLock();
  const log: string[] = [];
  let open: () => void = () => {};
  const first = locks.run('k', () => new Promise<void>((resolve) => (open = resolve)));
  const stop = new AbortController();
  const second = locks.run('k', async () => void log.push('second'), stop.signal);
  const third = locks.run('k', async () => void log.push('third'));
  stop.abort();
  await expect(second).rejects.toMatchObject({ code: 'CANCELLED' });
  expect(log).toEqual([]);
  log.push('first ends');
  open();
  await Promise.all([first, third]);
  expect(log).toEqual(['first ends', 'third']);
});

test('who comes while the second one works waits for it: the first took only its own turn away', async () => {
  const locks = new KeyedLock();
  const log: string[] = [];
  let open: () => void = () => {};
  const first = locks.run('k', () => Promise.resolve());
  const second = locks.run('k', () => new Promise<void>((resolve) => (open = resolve)));
  await first;
  await setTimeout(1);
  const third = locks.run('k', async () => void log.push('third'));
  await setTimeout(1);
  log.push('second ends');
  open();
  await Promise.all([second, third]);
  expect(log).toEqual(['second ends', 'third']);
});
