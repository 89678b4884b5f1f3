import { describe, expect, it } from 'vitest';
import { checkSameCorpus, compareReports, compareSeconds, parseReport } from '../../src/bench/compare-reports.ts';
import { geometricMean, pairedRatios, spreadOf } from '../../src/bench/statistics.ts';
import { benchReport, entrant } from '../support/bench-report.ts';

const invalidArgument = expect.objectContaining({ code: 'INVALID_ARGUMENT' }) as Error;

describe('statistics', () => {
  it('the median is the middle, or between the two that are', () => {
    expect(spreadOf([3, 1, 2])).toEqual({ min: 1, median: 2, max: 3 });
    expect(spreadOf([4, 1, 2, 3])).toEqual({ min: 1, median: 2.5, max: 4 });
    expect(() => spreadOf([])).toThrow(RangeError);
  });

  it('sorts numbers as numbers', () => {
    expect(spreadOf([10, 9, 100]).median).toBe(10);
  });

  it('ratios are taken round by round', () => {
    expect(pairedRatios([2, 6, 9], [1, 2])).toEqual([2, 3]);
    expect(geometricMean([2, 8])).toBeCloseTo(4);
  });
});

describe('comparing with an older report', () => {
  it.each([
    ['faster', [2.0, 2.1, 2.2], [1.0, 1.1, 1.2]],
    ['slower', [1.0, 1.1, 1.2], [2.0, 2.1, 2.2]],
    ['noise', [1.0, 1.5, 2.0], [1.2, 1.3, 1.4]],
    ['noise', [1.0, 1.01, 1.02], [1.03, 1.04, 1.05]],
    ['too few rounds', [1.0, 1.0], [5.0, 5.0]],
  ] as const)('%s: %j, then %j', (verdict, before, after) => {
    expect(compareSeconds(before, after).verdict).toBe(verdict);
  });

  it('pairs what has the same work, tool and threads, and leaves out the rest', () => {
    const before = benchReport([
      entrant({ threads: 1, seconds: [4, 4, 4] }),
      entrant({ threads: 2, seconds: [2, 2, 2] }),
    ]);
    const after = benchReport([
      entrant({ threads: 2, seconds: [1, 1, 1] }),
      entrant({ threads: 4, seconds: [1, 1, 1] }),
    ]);
    const { rows, caveats } = compareReports(before, after, 'old.json');
    expect(rows).toMatchObject([
      { name: 'export zstd:3', tool: 'layermill', threads: 2, ratio: 0.5, size: null, verdict: 'faster' },
    ]);
    expect(caveats).toEqual([
      'Only in one of them: export zstd:3, layermill, 1 thread; export zstd:3, layermill, 4 threads.',
    ]);
  });

  it('names what else was not the same, and how sizes changed', () => {
    const before = benchReport([entrant({ threads: 2, seconds: [1], outBytes: 10 })]);
    const after = benchReport([entrant({ threads: 2, seconds: [1], outBytes: 11 })]);
    const elsewhere = {
      ...after,
      work: { ...after.work, fileSystem: 'ext4' },
      machine: { ...after.machine, cores: 8 },
    };
    const { rows, caveats } = compareReports(before, elsewhere, 'old.json');
    expect(rows).toMatchObject([{ ratio: 1, size: 1.1, verdict: 'too few rounds' }]);
    expect(caveats).toEqual(['Not the same cores: 2 then, 8 now.', 'Not the same file system: tmpfs then, ext4 now.']);
  });

  it('what measured other bytes is not compared', () => {
    const other = { ...benchReport([]), corpus: { ...benchReport([]).corpus, identity: 'sha256:other' } };
    expect(() => checkSameCorpus(other, benchReport([]).corpus, 'old.json')).toThrow(invalidArgument);
  });

  it('reads what it wrote and refuses everything else', () => {
    const report = benchReport([entrant({ threads: 2, seconds: [1] })]);
    expect(parseReport(JSON.stringify(report), 'old.json')).toEqual(report);
    for (const text of ['', '{}', 'null', '[1]', JSON.stringify({ ...report, format: 2 })]) {
      expect(() => parseReport(text, 'old.json')).toThrow(invalidArgument);
    }
    const broken = { ...report, cases: [{ scenario: 'export', entrants: [{ tool: 'x', samples: [{ seconds: 0 }] }] }] };
    expect(() => parseReport(JSON.stringify(broken), 'old.json')).toThrow(invalidArgument);
  });
});
