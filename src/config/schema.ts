import * as v from 'valibot';
import { engineError } from '../errors/kinds.ts';
import type { EngineError } from '../errors/engine-error.ts';
import type { PartialSettings } from './settings.ts';
import { nearest } from './suggest.ts';

type Leaf<Value> = v.GenericSchema<unknown, Value>;

/** A whole number; as text too, because that is what flags and variables are. The message is the end of a sentence. */
function whole(least: number, most: number, what = `a whole number from ${least} to ${most}`): Leaf<number> {
  return v.pipe(
    v.union([v.number(), v.pipe(v.string(), v.regex(/^\d+$/), v.transform(Number))], what),
    v.integer(what),
    v.minValue(least, what),
    v.maxValue(most, what),
  );
}

function wholeOrAuto(most: number): Leaf<number | 'auto'> {
  const what = `a whole number from 1 to ${most}, or "auto"`;
  return v.union([v.literal('auto'), whole(1, most, what)], what);
}

const UNITS: Record<string, number> = {
  '': 1,
  ...Object.fromEntries(
    ['K', 'M', 'G', 'T'].flatMap((unit, i) => [
      [`${unit}iB`, 1024 ** (i + 1)],
      [`${unit === 'K' ? 'k' : unit}B`, 1000 ** (i + 1)],
    ]),
  ),
};

/** Bytes, as a number or with a unit: `4096`, `"64GiB"`, `"1.5GB"`. */
function bytes(least: number): Leaf<number> {
  const what = `a number of bytes such as ${least > 1024 ? '"512MiB"' : '4096 or "1MiB"'}, at least ${least}`;
  const withUnit = v.pipe(
    v.string(),
    v.regex(/^\d+(\.\d+)?([KMGT]iB|[kMGT]B)?$/),
    v.transform((text) => Math.floor(Number.parseFloat(text) * UNITS[text.replace(/^[\d.]+/, '')]!)),
  );
  return v.pipe(v.union([v.number(), withUnit], what), v.safeInteger(what), v.minValue(least, what));
}

function oneOf<const Words extends readonly string[]>(...words: Words): Leaf<Words[number]> {
  return v.picklist(words, `one of ${words.join(', ')}`);
}

function yesNo(): Leaf<boolean> {
  const what = 'true or false';
  const text = v.pipe(
    v.picklist(['true', 'false']),
    v.transform((word) => word === 'true'),
  );
  return v.union([v.boolean(), text], what);
}

const nonEmptyText = v.pipe(v.string('text'), v.nonEmpty('text that is not empty'));

/**
 * Every setting by its name in files; `LAYERMILL_LIMITS_LAYER_BYTES` is `limits.layerBytes`. Heaps have a floor
 * because V8 dies at once below it; thread counts a ceiling because a mistyped one would take the machine down.
 */
const KEYS = {
  root: nonEmptyText,
  driver: nonEmptyText,
  threads: wholeOrAuto(256),
  jobs: wholeOrAuto(1024),
  lanes: { io: wholeOrAuto(1024), cpu: wholeOrAuto(1024) },
  budgets: { spoolBytes: bytes(1024 ** 2), threadHeapBytes: bytes(64 * 1024 ** 2) },
  compression: {
    default: oneOf('auto', 'keep', 'none', 'gzip', 'zstd', 'gzip:zlib', 'gzip:pako', 'gzip:libdeflate', 'gzip:isal'),
    gzipLevel: wholeOrAuto(9),
    zstdLevel: wholeOrAuto(22),
    reproducible: yesNo(),
    libraries: oneOf('auto', 'off'),
  },
  durability: oneOf('batch', 'layer', 'none'),
  lockTimeout: whole(0, 86_400),
  blobs: oneOf('keep', 'drop'),
  limits: {
    entries: whole(1, 100_000_000),
    pathBytes: whole(1, 4095),
    componentBytes: whole(1, 255),
    depth: whole(1, 4095),
    metaBytes: bytes(512),
    layerBytes: bytes(1024),
    expansionRatio: whole(1, 1_000_000),
  },
  registry: { requestsPerSecond: wholeOrAuto(10_000) },
  cache: { dir: nonEmptyText, bytes: bytes(0) },
  log: { level: oneOf('error', 'warn', 'info', 'debug'), format: oneOf('text', 'json') },
  progress: oneOf('auto', 'bar', 'plain', 'json', 'none'),
} as const;

const SCHEMA = v.partial(
  v.strictObject({
    ...KEYS,
    lanes: v.partial(v.strictObject(KEYS.lanes)),
    budgets: v.partial(v.strictObject(KEYS.budgets)),
    compression: v.partial(v.strictObject(KEYS.compression)),
    limits: v.partial(v.strictObject(KEYS.limits)),
    registry: v.partial(v.strictObject(KEYS.registry)),
    cache: v.partial(v.strictObject(KEYS.cache)),
    log: v.partial(v.strictObject(KEYS.log)),
  }),
);

/** The dotted name of every setting that files and the environment may give. */
export const SETTING_NAMES: readonly string[] = Object.entries(KEYS).flatMap(([key, value]) =>
  'kind' in value ? [key] : Object.keys(value).map((inner) => `${key}.${inner}`),
);

/** Who said it, for messages: a file, or the flags and variables by their own names. */
export interface Origin {
  file?: string;
  /** What the person calls the setting `name`. */
  label(name: string): string;
}

/** Checks some settings from one origin. Throws INVALID_SETTING for an unknown key, with the nearest one, or a bad value. */
export function parseSettings(input: unknown, origin: Origin): PartialSettings {
  refuseLists(input, origin);
  const result = v.safeParse(SCHEMA, input, { abortEarly: true });
  if (result.success) return result.output;
  throw describe(result.issues[0], input, origin);
}

/** valibot takes a list for an object; no setting is one. */
function refuseLists(input: unknown, origin: Origin): void {
  if (Array.isArray(input)) throw invalid('', 'settings are one JSON object, not a list', origin);
  for (const [name, value] of Object.entries(input ?? {})) {
    if (Array.isArray(value)) throw invalid(name, `${origin.label(name)} must not be a list`, origin);
  }
}

function describe(issue: v.BaseIssue<unknown>, input: unknown, origin: Origin): EngineError {
  const name = (issue.path ?? []).map((item) => String(item.key)).join('.');
  if (name === '') return invalid(name, `settings are one JSON object, not ${shown(input)}`, origin);
  if (issue.type === 'strict_object' && issue.expected === 'never') return unknownSetting(name, SETTING_NAMES, origin);
  const wanted = issue.type === 'strict_object' ? 'an object' : issue.message;
  return invalid(name, `${origin.label(name)} must be ${wanted}, not ${shown(issue.input)}`, origin);
}

/** The error for a name that is no setting; `known` are the names as the person would write them. */
export function unknownSetting(name: string, known: readonly string[], origin: Origin): EngineError {
  const meant = nearest(name, known) ?? known.find((other) => other.endsWith(`.${name}`));
  const hint = meant === undefined ? `settings are ${known.join(', ')}` : `did you mean ${meant}?`;
  return invalid(name, `${origin.label(name)} is not a setting; ${hint}`, origin);
}

function invalid(key: string, message: string, { file }: Origin): EngineError {
  if (file === undefined) return engineError('INVALID_SETTING', message, { key });
  return engineError('INVALID_SETTING', `${JSON.stringify(file)}: ${message}`, { file, key });
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
