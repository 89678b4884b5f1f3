import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { inParallel } from '../../../src/batch/plan/in-parallel.ts';

it('tells of a failure when nothing is under way any more', async () => {
  const ended: number[] = [];
  const work = async (item: number): Promise<void> => {
    if (item === 0) throw new Error('first');
    await setTimeout(5);
    ended.push(item);
  };
  await expect(inParallel([0, 1, 2, 3, 4], 2, work)).rejects.toThrow('first');
  expect(ended).toEqual([1]);
  await setTimeout(30);
  expect(ended).toEqual([1]);
});
