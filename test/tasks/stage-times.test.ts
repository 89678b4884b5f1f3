import { expect, test } from 'vitest';
import { noTime, StageSum } from '../../src/tasks/stage-times.ts';

test('adds up the latest samples of all tasks', () => {
  const sum = new StageSum();
  const [one, other] = [sum.task(), sum.task()];
  one({ stages: { ...noTime(), read: 1, hash: 2 } });
  other({ stages: { ...noTime(), hash: 10 } });
  one({ stages: { ...noTime(), read: 3, hash: 4 } });
  expect(sum.total).toEqual({ ...noTime(), read: 3, hash: 14 });
});

test('answers what nobody changes any more', () => {
  const sum = new StageSum();
  const before = sum.total;
  sum.task()({ stages: { ...noTime(), write: 1 } });
  expect(before).toEqual(noTime());
});
