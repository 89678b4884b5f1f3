import { engineError } from '../errors/kinds.ts';
import { entrantName } from './figures.ts';
import { type BenchReport, type CorpusFacts, type Entrant, REPORT_FORMAT, caseName, secondsOf } from './report.ts';
import { type Spread, spreadOf } from './statistics.ts';

/** With fewer rounds nothing can be told from noise. */
const ENOUGH_ROUNDS = 3;
/** Smaller changes of the median are called noise whatever the rounds say. */
const LEAST_CHANGE = 0.05;

type Verdict = 'faster' | 'slower' | 'noise' | 'too few rounds';

/** One entrant then and now. */
export interface Comparison {
  name: string;
  tool: string;
  threads: number | null;
  before: Spread;
  after: Spread;
  /** Median now over median then: 0.5 is twice as fast. */
  ratio: number;
  /** Bytes of what it makes, now over then; null where that is a tree. */
  size: number | null;
  verdict: Verdict;
}

export const VERDICTS: Record<Verdict, string> = {
  faster: 'faster, outside of noise',
  slower: 'SLOWER, outside of noise',
  noise: 'inside of noise',
  'too few rounds': 'too few rounds to say',
};

/** A report beside an older one. */
export interface Compared {
  /** Where the older one is. */
  file: string;
  rows: Comparison[];
  /** What was not the same about the two, and what only one of them has. */
  caveats: string[];
}

/** The parts of an older report that are compared. */
export type OldReport = Pick<BenchReport, 'machine' | 'corpus' | 'cases' | 'cache' | 'work'>;

/** Reads a file that `--json` wrote. Throws INVALID_ARGUMENT for anything else. */
export function parseReport(text: string, file: string): OldReport {
  const report = parsed(text);
  if (isReport(report)) return report;
  throw invalid(file, `${JSON.stringify(file)} is no report of this version of bench; --json FILE writes one`);
}

/** Throws INVALID_ARGUMENT when the older report measured other bytes. */
export function checkSameCorpus(before: OldReport, corpus: CorpusFacts, file: string): void {
  if (before.corpus.identity === corpus.identity) return;
  const message = `${JSON.stringify(file)} measured other images (${before.corpus.description}); take the same sources, --size, --images and --seed`;
  throw invalid(file, message);
}

/** Each entrant that both reports have. */
export function compareReports(before: OldReport, after: OldReport, file: string): Compared {
  const old = entrantsOf(before);
  const now = entrantsOf(after);
  const rows = [...now].flatMap(([key, { name, entrant }]): Comparison[] => {
    const then = old.get(key)?.entrant;
    if (then === undefined) return [];
    const size = then.outBytes === null || entrant.outBytes === null ? null : entrant.outBytes / then.outBytes;
    const { tool, threads } = entrant;
    return [{ name, tool, threads, size, ...compareSeconds(secondsOf(then), secondsOf(entrant)) }];
  });
  const alone = [...new Set([...old.keys(), ...now.keys()])].filter((key) => !(old.has(key) && now.has(key)));
  const caveats = alone.length === 0 ? [] : [`Only in one of them: ${alone.join('; ')}.`];
  return { file, rows, caveats: [...otherConditions(before, after), ...caveats] };
}

/** Those with a time, by what has to be the same. */
function entrantsOf({ cases }: OldReport): Map<string, { name: string; entrant: Entrant }> {
  const named = cases.flatMap((found) => found.entrants.map((entrant) => ({ name: caseName(found), entrant })));
  const timed = named.filter(({ entrant }) => entrant.samples.length > 0);
  return new Map(timed.map((each) => [`${each.name}, ${entrantName(each.entrant)}`, each]));
}

function otherConditions(before: OldReport, after: OldReport): string[] {
  const conditions = ({ machine, cache, work }: OldReport): Record<string, string> => ({
    CPU: machine.cpu,
    cores: String(machine.cores),
    kernel: machine.kernel,
    Node: machine.node,
    cache: cache.done,
    'file system': work.fileSystem,
  });
  const now = conditions(after);
  return Object.entries(conditions(before))
    .filter(([name, value]) => now[name] !== value)
    .map(([name, value]) => `Not the same ${name}: ${value} then, ${now[name]} now.`);
}

/**
 * A change is outside of noise when every run on one side is faster than every run on the other and the medians are at
 * least 5 % apart. With three rounds on both sides chance alone does the former in one of ten cases.
 */
export function compareSeconds(
  before: readonly number[],
  after: readonly number[],
): Pick<Comparison, 'before' | 'after' | 'ratio' | 'verdict'> {
  const [old, now] = [spreadOf(before), spreadOf(after)];
  const ratio = now.median / old.median;
  return { before: old, after: now, ratio, verdict: verdictOf() };

  function verdictOf(): Verdict {
    if (Math.min(before.length, after.length) < ENOUGH_ROUNDS) return 'too few rounds';
    if (Math.abs(ratio - 1) < LEAST_CHANGE) return 'noise';
    if (now.max < old.min) return 'faster';
    return now.min > old.max ? 'slower' : 'noise';
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isReport(value: unknown): value is OldReport {
  const report = value as Partial<BenchReport> | null;
  return (
    report?.format === REPORT_FORMAT &&
    typeof report.corpus?.identity === 'string' &&
    typeof report.machine?.cpu === 'string' &&
    typeof report.cache?.done === 'string' &&
    typeof report.work?.fileSystem === 'string' &&
    Array.isArray(report.cases) &&
    report.cases.every(isCase)
  );
}

function isCase(value: unknown): boolean {
  const found = value as Partial<BenchReport['cases'][number]> | null;
  if (typeof found?.scenario !== 'string' || !Array.isArray(found.entrants)) return false;
  return found.entrants.every(
    (entrant) =>
      typeof entrant?.tool === 'string' &&
      Array.isArray(entrant.samples) &&
      entrant.samples.every((sample) => typeof sample?.seconds === 'number' && sample.seconds > 0),
  );
}

function invalid(file: string, message: string): Error {
  return engineError('INVALID_ARGUMENT', message, { argument: '--compare', value: file });
}
