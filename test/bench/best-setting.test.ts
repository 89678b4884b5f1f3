import { describe, expect, it } from 'vitest';
import { bestSetting } from '../../src/bench/best-setting.ts';
import { peerRatios } from '../../src/bench/peer-ratios.ts';
import { benchCase, entrant } from '../support/bench-report.ts';

const exported = (packing: string, outBytes: number, ...seconds: number[]): ReturnType<typeof benchCase> =>
  benchCase(
    seconds.map((value, index) => entrant({ threads: index + 1, seconds: [value], outBytes })),
    'export',
    packing,
  );

describe('the best setting', () => {
  it('is the fastest number of threads over all cases', () => {
    const cases = [
      exported('none', 100e6, 4, 2, 3),
      benchCase(
        [1, 2, 3].map((threads) => entrant({ threads, seconds: [1] })),
        'create',
        null,
      ),
    ];
    expect(bestSetting(cases, 'layermill').threads).toBe(2);
  });

  it('takes fewer threads where more give next to nothing', () => {
    expect(bestSetting([exported('none', 100e6, 1.02, 1)], 'layermill').threads).toBe(1);
    expect(bestSetting([exported('none', 100e6, 1.2, 1)], 'layermill').threads).toBe(2);
  });

  it('weighs time against size, and names gzip beside zstd', () => {
    const cases = [exported('none', 100e6, 0.5), exported('gzip:4', 40e6, 3), exported('zstd:3', 35e6, 1)];
    const best = bestSetting(cases, 'layermill');
    expect(best.packing).toEqual({ compression: 'zstd', level: 3 });
    expect(best.sentences).toEqual([
      'Only --threads 1 was tried.',
      'Export with --compression zstd --level 3: 100 MB/s, to 35 % of the size.',
      'Where gzip has to be read: --compression gzip --level 4, 33 MB/s, to 40 % of the size.',
    ]);
    const levels = [exported('zstd:1', 40e6, 1), exported('zstd:19', 30e6, 20)];
    expect(bestSetting(levels, 'layermill').packing).toEqual({ compression: 'zstd', level: 1 });
  });

  it('says how much the threads give, and where', () => {
    const first = (...cases: ReturnType<typeof benchCase>[]): string | undefined =>
      bestSetting(cases, 'layermill').sentences[0];
    expect(first(exported('none', 100e6, 2, 1))).toBe('Use --threads 2: 2.00 times as fast as with 1.');
    expect(first(exported('none', 100e6, 2, 1), exported('zstd:3', 40e6, 4, 8), exported('gzip:4', 40e6, 8, 1))).toBe(
      'Use --threads 2: 2.00 times as fast as with 1, from 0.50 (export zstd:3) to 8.00 (export gzip:4).',
    );
    expect(first(exported('none', 100e6, 1, 1))).toBe('Use --threads 1: it is not slower than with more.');
  });

  it('looks at our runs only, and is silent without any', () => {
    const peer = benchCase([entrant({ tool: 'skopeo', threads: null, seconds: [1] })]);
    expect(bestSetting([peer], 'layermill')).toEqual({ threads: null, packing: null, sentences: [] });
  });
});

describe('peers', () => {
  it('are set beside ours with the most threads, round by round', () => {
    const found = benchCase([
      entrant({ threads: 1, seconds: [9, 9, 9], outBytes: 10 }),
      entrant({ threads: 2, seconds: [1, 2, 4], outBytes: 10 }),
      entrant({ tool: 'skopeo', threads: null, seconds: [3, 4, 6], outBytes: 11, differs: 'copies' }),
      entrant({ tool: 'umoci', threads: null, seconds: [], failure: 'exit code 1' }),
    ]);
    expect(peerRatios([found], 'layermill')).toEqual([
      {
        scenario: 'export',
        packing: 'zstd:3',
        tool: 'skopeo',
        times: { min: 1.5, median: 2, max: 3 },
        size: 1.1,
        differs: 'copies',
      },
    ]);
  });
});
