import { describe, expect, it } from 'vitest';
import {
  packingName,
  parseCount,
  parseGrid,
  parsePackingName,
  parseMegabytes,
  threadSteps,
} from '../../src/bench/grid.ts';
import { SCENARIOS } from '../../src/bench/report.ts';

const invalidArgument = expect.objectContaining({ code: 'INVALID_ARGUMENT' }) as Error;

const names = (text: Parameters<typeof parseGrid>[0]): string[] => parseGrid(text, 2).packings.map(packingName);

describe('the grid', () => {
  it('without options is everything, each compression at its own level', () => {
    const grid = parseGrid({}, 2);
    expect(grid.scenarios).toEqual(SCENARIOS);
    expect(grid.threads).toEqual([1, 2]);
    expect(names({})).toEqual(['none', 'gzip:4', 'zstd:3']);
  });

  it('threads double up to the cores', () => {
    expect([1, 2, 3, 8, 12].map(threadSteps)).toEqual([[1], [1, 2], [1, 2, 3], [1, 2, 4, 8], [1, 2, 4, 8, 12]]);
  });

  it('takes lists in any order, each value once', () => {
    const grid = parseGrid({ scenario: 'export,register', threads: '4,2,4' }, 2);
    expect(grid.scenarios).toEqual(['register', 'export']);
    expect(grid.threads).toEqual([2, 4]);
  });

  it('gives each compression the levels that it has', () => {
    expect(names({ level: '1,19' })).toEqual(['none', 'gzip:1', 'zstd:1', 'zstd:19']);
    expect(names({ compression: 'zstd', level: '22' })).toEqual(['zstd:22']);
    expect(names({ compression: 'gzip:isal,gzip:libdeflate', level: '3,12' })).toEqual([
      'gzip:libdeflate:3',
      'gzip:libdeflate:12',
      'gzip:isal:3',
    ]);
    expect(parsePackingName('gzip:isal:3')).toEqual({ compression: 'gzip:isal', level: 3 });
    expect(parsePackingName('zstd:19')).toEqual({ compression: 'zstd', level: 19 });
    expect(() => names({ compression: 'gzip', level: '19' })).toThrow(invalidArgument);
  });

  it.each([
    { scenario: 'verify' },
    { scenario: '' },
    { threads: '0' },
    { threads: '1,two' },
    { threads: '1.5' },
    { compression: 'xz' },
    { level: '23' },
  ])('refuses %j', (text) => {
    expect(() => parseGrid(text, 2)).toThrow(invalidArgument);
  });

  it('sizes have units, counts a least value', () => {
    expect([parseMegabytes('256MB'), parseMegabytes('1.5GiB')]).toEqual([256e6, 1.5 * 1024 ** 3]);
    expect(parseCount('--rounds', '3', 1)).toBe(3);
    for (const wrong of ['256', 'MB', '-1MB', '1TB']) expect(() => parseMegabytes(wrong)).toThrow(invalidArgument);
    for (const wrong of ['0', '-1', 'x', '1.5']) {
      expect(() => parseCount('--rounds', wrong, 1)).toThrow(invalidArgument);
    }
  });
});
