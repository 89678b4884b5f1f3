import { expect, it } from 'vitest';
import { settingsWithin } from '../../src/batch/memory-bound.ts';
import { memoryOf } from '../../src/pool/cpu-count.ts';

it('starts fewer threads where there is too little memory for all', () => {
  const settings = { threads: 8 };
  expect(settingsWithin(settings, {})).toBe(settings);
  expect(settingsWithin(settings, { memoryBytes: memoryOf(8) })).toEqual({ threads: 8 });
  expect(settingsWithin(settings, { memoryBytes: memoryOf(8) - 1 })).toEqual({ threads: 7 });
  expect(settingsWithin(settings, { memoryBytes: memoryOf(1) })).toEqual({ threads: 1 });
});

it('refuses less than one thread needs', () => {
  expect(() => settingsWithin({ threads: 2 }, { memoryBytes: memoryOf(1) - 1 })).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT', details: { argument: 'memoryBytes' } }),
  );
});
