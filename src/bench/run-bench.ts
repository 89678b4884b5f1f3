import { mkdir, mkdtemp, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { bestSetting } from './best-setting.ts';
import { openDiscards, removeDirectory } from './discard.ts';
import type { Contest } from './contest.ts';
import type { Grid } from './grid.ts';
import { fileSystemOf, lookAtMachine } from './machine.ts';
import type { Program } from './ours.ts';
import { openPageCache } from './page-cache.ts';
import { findPeers } from './peers.ts';
import { PreparedCorpus } from './prepared-corpus.ts';
import { type BenchCase, type BenchReport, type CorpusFacts, REPORT_FORMAT, caseName } from './report.ts';
import { type OnChange, runContest } from './run-contest.ts';
import { contestsOf } from './scenarios.ts';
import type { Peer } from './stage.ts';
import { type SyntheticCorpus, writeSyntheticCorpus } from './synthetic-corpus.ts';

export interface BenchOptions {
  version: string;
  /** The first one is ours; others are measured beside it. */
  programs: readonly Program[];
  /** Where images come from; without any they are made up. */
  sources: readonly string[];
  synthetic: SyntheticCorpus;
  grid: Grid;
  rounds: number;
  cache: 'warm' | 'cold';
  /** A directory is made in it, and taken away at the end. */
  work: string;
  withPeers: boolean;
  signal?: AbortSignal | undefined;
  onStep?: (what: string) => void;
  /** Told of the images before anything is measured; may throw. */
  onCorpus?: (facts: CorpusFacts) => void;
  /** Told of each case, whenever something of it is new. */
  onChange?: OnChange;
}

/** Measures. Throws what goes wrong in a run of ours, and RESULTS_DIFFER when two runs did not make the same. */
export async function runBench(options: BenchOptions): Promise<BenchReport> {
  await mkdir(options.work, { recursive: true });
  const work = await mkdtemp(join(await realpath(options.work), 'layermill-'));
  try {
    return await benchIn(work, options);
  } finally {
    await removeDirectory(work);
  }
}

async function benchIn(work: string, options: BenchOptions): Promise<BenchReport> {
  const { programs, grid, rounds, signal, onStep = () => {} } = options;
  const started = new Date().toISOString();
  const { peers, missing } = options.withPeers ? findPeers(work, process.getuid?.() === 0) : { peers: [], missing: [] };
  const corpus = await PreparedCorpus.prepare({
    program: programs[0]!,
    signal,
    work,
    onStep,
    ...sourcesOf(work, options),
  });
  options.onCorpus?.(corpus.facts);
  const given = options.sources.length > 0;
  const contests = await contestsOf({ corpus, grid, programs, peers, given });
  const cache = openPageCache(
    options.cache,
    work,
    contests.flatMap(({ inputs }) => inputs),
  );
  const discards = openDiscards(work, corpus.work.bytes);
  const cases: BenchCase[] = [];
  for (const contest of contests) {
    const track = { work, rounds, programs, cache, discards, signal, onChange: options.onChange ?? (() => {}) };
    cases.push(await runContest(contest, track));
  }
  return {
    format: REPORT_FORMAT,
    layermill: options.version,
    started,
    machine: lookAtMachine(),
    corpus: corpus.facts,
    rounds,
    cache: cache.facts,
    work: { path: work, fileSystem: fileSystemOf(work) },
    peers: peers.map(({ tool, version }) => ({ tool, version })),
    cases,
    best: bestSetting(cases, programs[0]!.label),
    notes: notesOf(cases, contests, { peers, missing }),
  };
}

function sourcesOf(
  work: string,
  { sources, synthetic, onStep }: BenchOptions,
): { sources: readonly string[]; description: string } {
  if (sources.length > 0) return { sources, description: sources.join(' ') };
  onStep?.('making up images');
  const path = join(work, 'corpus.tar');
  writeSyntheticCorpus(path, synthetic);
  const megabytes = Math.round(synthetic.bytes / 1e6);
  return { sources: [path], description: `synthetic, ${megabytes} MB, seed ${synthetic.seed}` };
}

interface Asked {
  peers: readonly Peer[];
  missing: readonly string[];
}

function notesOf(cases: readonly BenchCase[], contests: readonly Contest[], { peers, missing }: Asked): string[] {
  const entrants = cases.flatMap(({ scenario, entrants: all }) => all.map((entrant) => ({ scenario, ...entrant })));
  const unchecked = peers.map(({ tool }) => uncheckedWork(contests, tool)).filter((work) => work !== null);
  const idle = peers.map(({ tool }) => tool).filter((tool) => entrants.every((entrant) => entrant.tool !== tool));
  const failed = entrants.filter(({ failure }) => failure !== null);
  const notes = [
    'Each time is that of a whole process, from its start to its end.',
    'CPU time is what the kernel charged for the process and its children (in steps of 0.01 s); peak memory is read from /proc every 50 ms. What a daemon does is in neither.',
  ];
  if (peers.length > 0) notes.push('Tools do not do the same work; each difference is named beside its ratio.');
  if (unchecked.length > 0)
    notes.push(`Not compared by digest, for there is none of what they make: ${unchecked.join(', ')}.`);
  if (idle.length > 0) notes.push(`Here, but without a part in what was measured: ${idle.join(', ')}.`);
  if (missing.length > 0)
    notes.push(`Not measured, because it is not installed or does not answer: ${missing.join(', ')}.`);
  return [
    ...notes,
    ...new Set(failed.map(({ tool, scenario, failure }) => `${tool} failed at ${scenario}: ${failure}`)),
  ];
}

/** `GNU tar (register, create)`: where nobody can say that it made the same; null when that is nowhere. */
function uncheckedWork(contests: readonly Contest[], tool: string): string | null {
  const unchecked = contests.filter(({ entrants }) =>
    entrants.some((entrant) => entrant.tool === tool && entrant.meaning === undefined),
  );
  return unchecked.length === 0 ? null : `${tool} (${unchecked.map(caseName).join(', ')})`;
}
