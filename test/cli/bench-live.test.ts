import { describe, expect, it } from 'vitest';
import { liveBench } from '../../src/cli/bench-live.ts';
import { comparisonText, reportText } from '../../src/cli/bench-text.ts';
import { benchCase, benchReport, entrant } from '../support/bench-report.ts';

/** What a screen of 60 columns gets. */
function shown(style: Parameters<typeof liveBench>[0]): { text: () => string; live: ReturnType<typeof liveBench> } {
  const written: string[] = [];
  const live = liveBench(style, { write: (piece) => written.push(piece), columns: 60, rows: 8 });
  return { text: () => written.join(''), live };
}

describe('a bench that runs', () => {
  const state = benchCase([entrant({ threads: 1, seconds: [2] }), entrant({ threads: 2, seconds: [] })]);

  it('is a line for each run where nobody sees a table', () => {
    const { text, live } = shown('plain');
    live.step('importing');
    live.change(state, state.entrants[1]!);
    live.change(state, state.entrants[1]!);
    live.close();
    expect(text()).toBe('importing\nexport zstd:3, layermill, 1 thread, round 1: 2.00 s, 50 MB/s\n');
  });

  it('is events for programs, and nothing where nothing is wanted', () => {
    const { text, live } = shown('json');
    live.step('importing');
    live.change(state, null);
    expect(
      text()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toMatchObject([
      { event: 'step', what: 'importing' },
      { event: 'run', case: 'export zstd:3', tool: 'layermill', threads: 1, round: 1, seconds: 2 },
    ]);
    const silent = shown('none');
    silent.live.change(state, null);
    expect(silent.text()).toBe('');
  });

  it('is a table on a terminal, which fits, is drawn over itself and goes', () => {
    const { text, live } = shown('bar');
    for (let i = 0; i < 5; i++) live.change({ ...state }, state.entrants[1]!);
    const frames = text().split('\u001b[J');
    expect(frames.at(-1)).toMatch(/^WORK +TOOL[^]*running export zstd:3, layermill, 2 threads …\n$/);
    const lines = frames.at(-1)!.trimEnd().split('\n');
    expect(lines).toHaveLength(7);
    expect(lines.every((line) => line.length < 60)).toBe(true);
    live.close();
    expect(text().endsWith('\u001b[7A\r\u001b[J')).toBe(true);
  });
});

describe('the results', () => {
  it('name everyone, what failed, and what is not the same', () => {
    const report = benchReport([
      entrant({ threads: 2, seconds: [1, 2, 4], outBytes: 40e6 }),
      entrant({ tool: 'skopeo', threads: null, seconds: [2, 4, 8], outBytes: 50e6, differs: 'copies blobs' }),
      entrant({ tool: 'umoci', threads: null, seconds: [], failure: 'exit code 1', commands: [] }),
    ]);
    const text = reportText({ ...report, notes: ['umoci failed'], best: { ...report.best, sentences: ['Use it.'] } });
    expect(text).toMatch(
      /^export zstd:3 +layermill, 2 threads +2\.00 +1\.00–4\.00 +50 +500 +1\.0 +0\.400 +4\.00 +100$/m,
    );
    expect(text).toMatch(/^ +umoci +failed$/m);
    expect(text).toMatch(/^export zstd:3 +skopeo +2\.00 × +2\.00–2\.00 +1\.250 × +copies blobs$/m);
    expect(text).toContain('stores and outputs on tmpfs');
    expect(text).toContain('  Use it.');
    expect(text).toContain('  umoci failed');
  });

  it('say of each comparison whether it is more than noise', () => {
    const spread = { min: 1, median: 1, max: 1 };
    const row = { name: 'create', tool: 'layermill', threads: 2, before: spread, after: spread, ratio: 2, size: 1.5 };
    const text = comparisonText({
      file: 'old.json',
      rows: [{ ...row, verdict: 'slower' }],
      caveats: ['Not the same.'],
    });
    expect(text).toMatch(/^Beside old\.json\n/);
    expect(text).toContain('2.00 ×   1.500 ×   SLOWER, outside of noise\n  Not the same.');
  });
});
