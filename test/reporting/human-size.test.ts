import { expect, test } from 'vitest';
import { humanSize } from '../../src/reporting/human-size.ts';

test('TestHumanSize: decimal units, four significant digits', () => {
  const MB = 1e6;
  const sizes: [number, string][] = [
    [0, '0 B'],
    [1, '1 B'],
    [39, '39 B'],
    [1000, '1 kB'],
    [1024, '1.024 kB'],
    [999_999, '1000 kB'],
    [1_000_000, '1 MB'],
    [1_048_576, '1.049 MB'],
    [2 * MB, '2 MB'],
    [3.42e9, '3.42 GB'],
    [5.372e12, '5.372 TB'],
    [2.22e15, '2.22 PB'],
    [204_288, '204.3 kB'],
    [4096, '4.096 kB'],
  ];
  for (const [bytes, text] of sizes) expect(humanSize(bytes)).toBe(text);
});

test('a tie goes to the even digit, as C prints it', () => {
  expect(humanSize(100_250)).toBe('100.2 kB');
  expect(humanSize(100_750)).toBe('100.8 kB');
  expect(humanSize(100_251)).toBe('100.3 kB');
});
