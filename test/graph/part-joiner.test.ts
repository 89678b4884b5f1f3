import { expect, test } from 'vitest';
import { profileFor } from '../../src/compression/codecs.ts';
import { PartJoiner } from '../../src/graph/part-joiner.ts';
import type { JoinedParts, TaskInput } from '../../src/tasks/task-map.ts';
import type { TaskPool } from '../../src/tasks/task-pool.ts';
import { codeOf } from '../support/code-of.ts';
import { engineError } from '../../src/errors/kinds.ts';

const part = (index: number): TaskInput<'layer.join'>['parts'][number] => ({
  path: String(index),
  tarSize: 10,
  crc32: 0,
});

/** A pool that joins by noting the order, and answers in the same turn; `fails` is the number of a join that fails. */
function notingPool(order: string[][], fails = Infinity): TaskPool {
  const run = (_name: string, { parts, last, joined }: TaskInput<'layer.join'>): Promise<JoinedParts> => {
    order.push(parts.map(({ path }) => path));
    if (order.length > fails) return Promise.reject(engineError('CANCELLED', 'no more', {}));
    const tarSize = (joined?.tarSize ?? 0) + parts.length * 10;
    const digest = last ? (`sha256:${'a'.repeat(64)}` as const) : null;
    return Promise.resolve({ size: tarSize, tarSize, crc32: 0, running: null, digest });
  };
  return { threads: 1, idle: 1, run, close: () => Promise.resolve() } as unknown as TaskPool;
}

const joinerOf = (pool: TaskPool, count: number): PartJoiner =>
  new PartJoiner(pool, { profile: profileFor({ compression: 'gzip' }), to: 'file', count }, () => ({}));

test('joins in order whatever came first, with any number of turns between', async () => {
  for (const turns of [0, 1, 2, 3, 4, 5, 10]) {
    for (const arrival of [
      [0, 1, 2, 3],
      [3, 2, 1, 0],
      [1, 0, 3, 2],
    ]) {
      const order: string[][] = [];
      const joiner = joinerOf(notingPool(order), 4);
      for (const index of arrival) {
        joiner.add(index, part(index));
        for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      }
      expect(await joiner.joined).toMatchObject({ size: 40 });
      expect(order.flat()).toEqual(['0', '1', '2', '3']);
    }
  }
});

test('joins nothing after a join that failed', async () => {
  const order: string[][] = [];
  const joiner = joinerOf(notingPool(order, 1), 3);
  joiner.add(0, part(0));
  await joiner.ended();
  joiner.add(1, part(1));
  expect(await codeOf(joiner.joined)).toBe('CANCELLED');
  joiner.add(2, part(2));
  await joiner.ended();
  expect(order).toEqual([['0'], ['1']]);
});
