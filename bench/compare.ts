// Holds a change against the commit before it: builds both in worktrees and runs them in turn on the same images.
//   npm run bench:compare -- [--before REV] [--after REV] [--scenario …] [--threads …] [--compression …] [SOURCE...]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compareSeconds } from '../src/bench/compare-reports.ts';
import { parseCount, parseGrid, parseMegabytes } from '../src/bench/grid.ts';
import type { Program } from '../src/bench/ours.ts';
import { type BenchReport, type Entrant, caseName, secondsOf } from '../src/bench/report.ts';
import { runBench } from '../src/bench/run-bench.ts';
import { pairedRatios, spreadOf } from '../src/bench/statistics.ts';
import { liveBench } from '../src/cli/bench-live.ts';
import { table } from '../src/cli/terminal.ts';
import { packageVersion } from '../src/config/defaults.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    before: { type: 'string', default: 'HEAD~1' },
    after: { type: 'string', default: 'HEAD' },
    scenario: { type: 'string' },
    threads: { type: 'string', default: '2' },
    compression: { type: 'string' },
    level: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    size: { type: 'string', default: '256MB' },
    work: { type: 'string', default: tmpdir() },
  },
});

function git(...args: string[]): string {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
}

/** A commit, built; its packages are those of this checkout unless its lock file differs. */
function build(label: string, revision: string, temp: string): Program {
  const commit = git('rev-parse', '--short', `${revision}^{commit}`);
  const tree = join(temp, label);
  console.error(`building ${label}: ${commit} ${git('log', '-1', '--format=%s', commit)}`);
  git('worktree', 'add', '--quiet', '--detach', '--force', tree, commit);
  const run = (...words: string[]): void =>
    void execFileSync('npm', words, { cwd: tree, stdio: ['ignore', 'ignore', 'inherit'] });
  const lock = 'package-lock.json';
  if (readFileSync(join(tree, lock)).equals(readFileSync(join(root, lock)))) {
    symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
  } else run('ci');
  run('run', 'build');
  return {
    label: `${label} ${commit}`,
    command: [process.execPath, join(tree, 'dist/src/cli/main.js')],
    options: [],
  };
}

/** Round by round, what the commit took over what the one before it took. */
function comparison({ cases }: BenchReport, before: string): string {
  const rows = cases.flatMap((found) => {
    const [old, now] = [true, false].map((isOld) =>
      found.entrants.filter(({ tool }) => (tool === before) === isOld),
    ) as [Entrant[], Entrant[]];
    return now.map((entrant) => {
      const earlier = old.find(({ threads }) => threads === entrant.threads)!;
      const { min, median, max } = spreadOf(pairedRatios(secondsOf(entrant), secondsOf(earlier)));
      const judged = compareSeconds(secondsOf(earlier), secondsOf(entrant));
      return [
        caseName(found),
        String(entrant.threads),
        judged.before.median.toFixed(2),
        judged.after.median.toFixed(2),
        `${median.toFixed(2)} ×`,
        `${min.toFixed(2)}–${max.toFixed(2)}`,
        judged.verdict,
      ];
    });
  });
  const right = ['THREADS', 'BEFORE s', 'AFTER s', 'RATIO', 'MIN–MAX'];
  const columns = ['WORK', ...right, 'VERDICT'].map((title) => ({
    title,
    align: right.includes(title) ? ('right' as const) : ('left' as const),
  }));
  return table(columns, rows);
}

const temp = mkdtempSync(join(tmpdir(), 'layermill-compare-'));
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
const live = liveBench(process.stderr.isTTY ? 'bar' : 'plain', process.stderr);
try {
  const before = build('before', values.before, temp);
  const after = build('after', values.after, temp);
  const report = await runBench({
    version: packageVersion(),
    programs: [before, after],
    sources: positionals,
    synthetic: { seed: 1, bytes: parseMegabytes(values.size), images: 4 },
    grid: parseGrid(values, 2),
    rounds: parseCount('--rounds', values.rounds, 1),
    cache: 'warm',
    work: values.work,
    withPeers: false,
    signal: stop.signal,
    onStep: live.step,
    onChange: live.change,
  });
  live.close();
  console.log(comparison(report, before.label));
} finally {
  live.close();
  rmSync(temp, { recursive: true, force: true });
  git('worktree', 'prune');
}
