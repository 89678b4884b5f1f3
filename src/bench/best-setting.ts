import { parsePackingName } from './grid.ts';
import { type BenchCase, type BestSetting, type Entrant, type ScenarioName, caseName, secondsOf } from './report.ts';
import { geometricMean, spreadOf } from './statistics.ts';

/** More threads have to be worth their memory: what is this close to the fastest counts as equally fast. */
const AS_FAST = 1.03;

interface Timed {
  found: BenchCase;
  entrant: Entrant;
  seconds: number;
}

/** What to use on this machine, from the runs of `tool`. */
export function bestSetting(cases: readonly BenchCase[], tool: string): BestSetting {
  const timed = cases.flatMap((found) =>
    found.entrants
      .filter(({ tool: by, threads, samples }) => by === tool && threads !== null && samples.length > 0)
      .map((entrant): Timed => ({ found, entrant, seconds: spreadOf(secondsOf(entrant)).median })),
  );
  const threads = bestThreads(timed);
  if (threads === null) return { threads, packing: null, sentences: [] };
  const there = timed.filter(({ entrant }) => entrant.threads === threads);
  const packed = packings(there);
  const best = packed[0];
  return {
    threads,
    packing: best === undefined ? null : packingOf(best),
    sentences: [threadsSentence(timed, threads), ...packingSentences(packed)],
  };
}

/** The fewest threads that are about as fast as the fastest number of them, over all cases. */
function bestThreads(timed: readonly Timed[]): number | null {
  const counts = [...new Set(timed.map(({ entrant }) => entrant.threads!))];
  if (counts.length === 0) return null;
  const cost = new Map(counts.map((count) => [count, relativeCost(timed, count)]));
  const least = Math.min(...cost.values());
  return counts.sort((a, b) => a - b).find((count) => cost.get(count)! <= least * AS_FAST)!;
}

/** How many times as long as with the best number for each case. */
function relativeCost(timed: readonly Timed[], threads: number): number {
  const ratios = timed
    .filter(({ entrant }) => entrant.threads === threads)
    .map(({ found, seconds }) => {
      const others = timed.filter((other) => other.found === found).map((other) => other.seconds);
      return seconds / Math.min(...others);
    });
  return geometricMean(ratios);
}

/**
 * Ways to pack, the best first: time times size, so that twice as fast is worth as much as half as large. Taken from
 * exports, or from single layers where nothing was exported.
 */
function packings(timed: readonly Timed[]): Timed[] {
  const of = (scenario: ScenarioName): Timed[] =>
    timed.filter(({ found }) => found.scenario === scenario && found.packing !== 'none');
  const exported = of('export');
  const cost = ({ entrant, seconds }: Timed): number => seconds * (entrant.outBytes ?? Infinity);
  return (exported.length > 0 ? exported : of('layer')).sort((a, b) => cost(a) - cost(b));
}

function packingOf({ found }: Timed): { compression: string; level: number } {
  return parsePackingName(found.packing!);
}

/** What they give beside the fewest that were tried, over all cases and where it is least and most. */
function threadsSentence(timed: readonly Timed[], threads: number): string {
  const tried = new Set(timed.map(({ entrant }) => entrant.threads!));
  const fewest = Math.min(...tried);
  if (tried.size === 1) return `Only --threads ${threads} was tried.`;
  if (threads === fewest) return `Use --threads ${threads}: it is not slower than with more.`;
  const gains = timed
    .filter(({ entrant }) => entrant.threads === fewest)
    .map((few) => ({ name: caseName(few.found), times: few.seconds / secondsWith(timed, threads, few.found) }))
    .sort((a, b) => a.times - b.times);
  const [least, most] = [gains[0]!, gains.at(-1)!];
  const mean = geometricMean(gains.map(({ times }) => times)).toFixed(2);
  const range = `, from ${least.times.toFixed(2)} (${least.name}) to ${most.times.toFixed(2)} (${most.name})`;
  return `Use --threads ${threads}: ${mean} times as fast as with ${fewest}${gains.length > 1 ? range : ''}.`;
}

function secondsWith(timed: readonly Timed[], threads: number, wanted: BenchCase): number {
  return timed.find(({ found, entrant }) => found === wanted && entrant.threads === threads)!.seconds;
}

/** The best, and the best of gzip where that is another: not everyone can read zstd. */
function packingSentences(packed: readonly Timed[]): string[] {
  const [best] = packed;
  if (best === undefined) return [];
  const gzip = packed.find(({ found }) => found.packing!.startsWith('gzip'));
  const sentences = [`Export with ${flagsOf(best)}: ${resultOf(best)}.`];
  if (gzip !== undefined && gzip !== best)
    sentences.push(`Where gzip has to be read: ${flagsOf(gzip)}, ${resultOf(gzip)}.`);
  return sentences;
}

function flagsOf(timed: Timed): string {
  const { compression, level } = packingOf(timed);
  return `--compression ${compression} --level ${level}`;
}

function resultOf(timed: Timed): string {
  const percent = ((100 * (timed.entrant.outBytes ?? 0)) / timed.found.work.bytes).toFixed(0);
  return `${megabytesPerSecond(timed)} MB/s, to ${percent} % of the size`;
}

function megabytesPerSecond({ found, seconds }: Timed): string {
  return (found.work.bytes / 1e6 / seconds).toFixed(0);
}
