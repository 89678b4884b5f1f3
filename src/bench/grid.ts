import { PACKING_NAMES, profileFor } from '../compression/codecs.ts';
import type { OutputCompression, PackingName } from '../compression/codec.ts';
import { hasCode, engineError } from '../errors/kinds.ts';
import { SCENARIOS, type ScenarioName } from './report.ts';

/** What is measured when nobody says: it needs nothing that may not be there. */
const USUAL: readonly PackingName[] = ['none', 'gzip', 'zstd'];

/** One way to pack. */
export interface Packing {
  /** As it is asked for, such as `gzip:isal`. */
  name: PackingName;
  compression: OutputCompression;
  level: number;
  /** It was asked for by its number; otherwise every tool may use its own default. */
  explicit: boolean;
}

export interface Grid {
  scenarios: readonly ScenarioName[];
  threads: readonly number[];
  packings: readonly Packing[];
}

/** What a person typed; undefined is the default. */
export interface GridText {
  scenario?: string | undefined;
  threads?: string | undefined;
  compression?: string | undefined;
  level?: string | undefined;
}

/** The cells that are to be measured. Throws INVALID_ARGUMENT, which names the option and what it takes. */
export function parseGrid(text: GridText, cores: number): Grid {
  return {
    scenarios: choices('--scenario', text.scenario, SCENARIOS),
    threads: text.threads === undefined ? threadSteps(cores) : numbers('--threads', text.threads, 999),
    packings: packingsOf(
      text.compression === undefined ? USUAL : choices('--compression', text.compression, PACKING_NAMES),
      text.level === undefined ? null : numbers('--level', text.level, 22),
    ),
  };
}

/** 1, 2, 4, … and all the cores. */
export function threadSteps(cores: number): number[] {
  const steps: number[] = [];
  for (let threads = 1; threads < cores; threads *= 2) steps.push(threads);
  return [...steps, cores];
}

/** Each compression with each level that it has. */
function packingsOf(names: readonly PackingName[], levels: readonly number[] | null): Packing[] {
  const packings = names.flatMap((name): Packing[] => {
    const { compression, level } = profileFor({ compression: name });
    if (levels === null || compression === 'none') return [{ name, compression, level, explicit: false }];
    return levels
      .filter((wanted) => hasLevel(name, wanted))
      .map((wanted) => ({ name, compression, level: wanted, explicit: true }));
  });
  if (packings.length > 0) return packings;
  throw invalid('--level', levels!.join(','), `no compression of ${names.join(', ')} has such a level`);
}

function hasLevel(compression: PackingName, level: number): boolean {
  try {
    profileFor({ compression, level });
    return true;
  } catch (error) {
    if (hasCode(error, 'INVALID_ARGUMENT')) return false;
    throw error;
  }
}

function choices<Choice extends string>(
  option: string,
  text: string | undefined,
  known: readonly Choice[],
): readonly Choice[] {
  if (text === undefined) return known;
  const wanted = new Set(text.split(','));
  const strange = [...wanted].filter((word) => !known.some((choice) => choice === word));
  if (strange.length === 0) return known.filter((choice) => wanted.has(choice));
  throw invalid(option, text, `takes one or more of ${known.join(', ')}, with commas between`);
}

function numbers(option: string, text: string, most: number): number[] {
  const values = text.split(',').map((word) => (/^[1-9]\d*$/.test(word) ? Number(word) : Number.NaN));
  if (values.every((value) => value <= most)) return [...new Set(values)].sort((a, b) => a - b);
  throw invalid(option, text, `takes whole numbers from 1 to ${most}, with commas between`);
}

/** `--size 256MB`, `1GiB`. Throws INVALID_ARGUMENT. */
export function parseMegabytes(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(MB|GB|MiB|GiB)$/.exec(text) ?? [];
  if (number !== undefined) return Math.round(Number(number) * SIZE_UNITS.get(unit!)!);
  throw invalid('--size', text, 'takes a size such as 256MB or 1GiB');
}

const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ['MB', 1e6],
  ['GB', 1e9],
  ['MiB', 1024 ** 2],
  ['GiB', 1024 ** 3],
]);

/** A whole number from `least`. Throws INVALID_ARGUMENT. */
export function parseCount(option: string, text: string, least: number): number {
  if (/^\d{1,9}$/.test(text) && Number(text) >= least) return Number(text);
  throw invalid(option, text, `takes a whole number from ${least}`);
}

function invalid(option: string, value: string, why: string): Error {
  return engineError('INVALID_ARGUMENT', `${option} ${JSON.stringify(value)}: ${why}`, { argument: option, value });
}

/** `gzip:4`, `gzip:isal:3`; what has no levels is its name. */
export function packingName({ name, level }: Pick<Packing, 'name' | 'level'>): string {
  return name === 'none' ? name : `${name}:${level}`;
}

/** What `packingName` was made of, for a packing that has levels. */
export function parsePackingName(text: string): { compression: string; level: number } {
  const colon = text.lastIndexOf(':');
  return { compression: text.slice(0, colon), level: Number(text.slice(colon + 1)) };
}
