import { describe, expect, test } from 'vitest';
import { progressText } from '../../src/reporting/progress-bar.ts';

const wide = { width: 200, nowMs: 0 };
const at = (current: number, total: number, start = 0): { current: number; total: number; start: number } => ({
  current,
  total,
  start,
});
const bar = (filled: number): string => `[${'='.repeat(filled)}>${' '.repeat(50 - filled)}] `;

describe('TestProgress', () => {
  test('nothing known is an empty text', () => expect(progressText(at(0, 0), wide)).toBe(''));
  test('an unknown total shows the size alone', () => expect(progressText(at(1, 0), wide)).toBe('     1 B'));
  test('the bar grows with the share', () => {
    expect(progressText(at(0, 100), wide)).toBe(`${bar(0)}     0 B/100 B`);
    expect(progressText(at(20, 100), wide)).toBe(`${bar(10)}    20 B/100 B`);
    expect(progressText(at(50, 100), wide)).toBe(`${bar(25)}    50 B/100 B`);
    expect(progressText(at(99, 100), wide)).toBe(`${bar(49)}    99 B/100 B`);
    expect(progressText(at(100, 100, 5), wide)).toBe(`${bar(50)}   100 B/100 B`);
    expect(progressText(at(524_288, 1_048_576), wide)).toBe(`${bar(25)}524.3 kB/1.049 MB`);
  });
  test('more than all does not overflow the bar', () =>
    expect(progressText(at(50, 40), wide)).toBe(`${bar(50)}    50 B`));
});

test('the time left is whole seconds in Go spelling', () => {
  const left = (nowMs: number, total: number): string => progressText(at(1, total, 1), { width: 60, nowMs });
  expect(left(2000, 3)).toBe('     1 B/3 B 2s');
  expect(left(2000, 66)).toBe('     1 B/66 B 1m5s');
  expect(left(2000, 7201)).toBe('     1 B/7.201 kB 2h0m0s');
  expect(left(1000, 3)).toBe('     1 B/3 B 0');
});

test('box and time left depend on the width: 50, 51, 110, 111', () => {
  const text = (width: number): string => progressText(at(1, 2, 1), { width, nowMs: 2000 });
  expect(text(50)).toBe('     1 B/2 B');
  expect(text(51)).toBe('     1 B/2 B 1s');
  expect(text(110)).toBe('     1 B/2 B 1s');
  expect(text(111)).toBe(`${bar(25)}     1 B/2 B 1s`);
});
