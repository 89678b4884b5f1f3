import semver from 'semver';
import { badArgument } from '../errors/arguments.ts';
import { quoted } from '../image/strict-json.ts';

/** Regular expressions that must fit the whole name; without `allow` everything is let through. */
export interface NameFilter {
  allow?: readonly string[] | undefined;
  deny?: readonly string[] | undefined;
}

/** Which images of an entry are wanted: all that is said here must hold. JSON values only. */
export interface ImageFilter extends NameFilter {
  /** Ranges of semantic versions that the tag must be in one of; a tag that is no version is not let through. */
  semver?: readonly string[] | undefined;
  /** Of each repository only so many: the newest, by version where all tags are versions, else by the time in the config. */
  newest?: number | undefined;
  /** Only images whose config says that they were made then or later: RFC 3339, a date, or an age such as `90d`. */
  createdSince?: string | undefined;
}

/** A name of an image, and when the image was made: RFC 3339, of an index the latest of its images, null when nobody says. */
export interface DatedName {
  repository: string;
  tag: string;
  created: string | null;
}

/** A regular expression that must fit a whole name. Throws INVALID_ARGUMENT. */
export function wholeName(pattern: string): RegExp {
  try {
    // By itself first: brackets that do not match must not be closed by ours.
    return new RegExp(`^(?:${new RegExp(pattern).source})$`);
  } catch {
    throw badArgument('pattern', `${quoted(pattern)} is no regular expression; check its brackets and backslashes`);
  }
}

/** Whether names pass: one of `allow` has to fit, where there are some, and none of `deny`. Throws INVALID_ARGUMENT. */
export function nameTest({ allow, deny }: NameFilter): (name: string) => boolean {
  const wanted = allow?.map(wholeName);
  const unwanted = deny?.map(wholeName) ?? [];
  return (name) =>
    (wanted === undefined || wanted.some((pattern) => pattern.test(name))) &&
    !unwanted.some((pattern) => pattern.test(name));
}

/** Whether tags pass by what they are called: `allow`, `deny` and `semver`. Throws INVALID_ARGUMENT. */
export function tagTest(filter: ImageFilter): (tag: string) => boolean {
  const byName = nameTest(filter);
  const ranges = filter.semver?.map(checkRange);
  return (tag) => byName(tag) && (ranges === undefined || inOneOf(ranges, tag));
}

/** Refuses a filter that is none. Throws INVALID_ARGUMENT. */
export function checkFilter(filter: ImageFilter): void {
  tagTest(filter);
  if (filter.createdSince !== undefined) sinceMs(filter.createdSince, new Date());
}

function inOneOf(ranges: readonly string[], tag: string): boolean {
  const version = versionOf(tag);
  return version !== null && ranges.some((range) => semver.satisfies(version, range));
}

/** A range as the semver package reads it (`>=1.2 <2`, `^3.1`, `1.x || 2.x`). Throws INVALID_ARGUMENT. */
export function checkRange(range: string): string {
  if (range.trim() !== '' && semver.validRange(range) !== null) return range;
  throw badArgument('range', `${quoted(range)} is no range of versions; write it like ">=1.2 <2" or "^3.1 || 4.x"`);
}

/** A tag as a version: `v` before it and missing parts are usual (`v1`, `3.19`, `2024.01.05`); null for another name. */
function versionOf(tag: string): semver.SemVer | null {
  const [, numbers, rest = ''] = /^v?(\d+(?:\.\d+){0,2})(-[0-9A-Za-z.-]+)?$/.exec(tag) ?? [];
  if (numbers === undefined) return null;
  const missing = 3 - numbers.split('.').length;
  return semver.parse(`${numbers}${'.0'.repeat(missing)}${rest}`, { loose: true });
}

/** The tags of one repository that pass by their names, with `newest` where versions decide it; in their order. */
export function keepTags(filter: ImageFilter, tags: readonly string[]): string[] {
  const passed = tags.filter(tagTest(filter));
  const versions = newestByVersion(filter, passed);
  return versions === null ? passed : passed.filter((tag) => versions.has(tag));
}

/** Null when the tags do not tell which are the newest. */
function newestByVersion({ newest }: ImageFilter, tags: readonly string[]): Set<string> | null {
  if (newest === undefined) return null;
  const dated = tags.map((tag) => ({ tag, version: versionOf(tag) }));
  if (dated.some(({ version }) => version === null)) return null;
  const sorted = dated.toSorted((a, b) => semver.compare(b.version!, a.version!) || compareText(a.tag, b.tag));
  return new Set(sorted.slice(0, newest).map(({ tag }) => tag));
}

/** Whether anything is asked that only the configs of the images can tell. */
export function needsTimes({ newest, createdSince }: ImageFilter): boolean {
  return newest !== undefined || createdSince !== undefined;
}

/**
 * What of all the names of an entry is wanted, in their order. `newest` is counted in each repository among what passes by
 * name; images that nobody knows the age of count as the oldest, and are not let through by `createdSince`.
 */
export function keepNames<Name extends DatedName>(filter: ImageFilter, names: readonly Name[], now: Date): Name[] {
  const passes = tagTest(filter);
  const passed = names.filter(({ tag }) => passes(tag));
  const newest = newestOfEach(filter, passed);
  const since = filter.createdSince === undefined ? null : sinceMs(filter.createdSince, now);
  return passed.filter((name) => (newest?.has(name) ?? true) && (since === null || timeOf(name) >= since));
}

function newestOfEach<Name extends DatedName>(filter: ImageFilter, names: readonly Name[]): Set<Name> | null {
  if (filter.newest === undefined) return null;
  const repositories = new Map<string, Name[]>();
  for (const name of names) {
    const known = repositories.get(name.repository);
    if (known === undefined) repositories.set(name.repository, [name]);
    else known.push(name);
  }
  return new Set([...repositories.values()].flatMap((own) => newestOf(filter, own)));
}

function newestOf<Name extends DatedName>(filter: ImageFilter, names: readonly Name[]): Name[] {
  const tags = newestByVersion(
    filter,
    names.map(({ tag }) => tag),
  );
  return tags === null ? latest(names, filter.newest!) : names.filter(({ tag }) => tags.has(tag));
}

function latest<Name extends DatedName>(names: readonly Name[], count: number): Name[] {
  return names.toSorted((a, b) => compareTimes(b, a) || compareText(a.tag, b.tag)).slice(0, count);
}

function compareTimes(a: DatedName, b: DatedName): number {
  // Not a difference: of two that are not known it would be no number.
  return Number(timeOf(a) > timeOf(b)) - Number(timeOf(a) < timeOf(b));
}

function timeOf({ created }: DatedName): number {
  const time = created === null ? Number.NaN : Date.parse(created);
  return Number.isNaN(time) ? Number.NEGATIVE_INFINITY : time;
}

function compareText(a: string, b: string): number {
  return Number(a > b) - Number(a < b);
}

const HOUR_MS = 3_600_000;
const AGES: Readonly<Record<string, number>> = { h: HOUR_MS, d: 24 * HOUR_MS, w: 168 * HOUR_MS };

/** Milliseconds since 1970 of RFC 3339, a date (its beginning in UTC), or an age: `12h`, `90d`, `8w`. Throws INVALID_ARGUMENT. */
export function sinceMs(text: string, now: Date): number {
  const [, count, unit] = /^(\d{1,6})([hdw])$/.exec(text) ?? [];
  if (count !== undefined) return now.getTime() - Number(count) * AGES[unit!]!;
  const isTime = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))?$/.test(text);
  const time = isTime ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time) && !isOtherDay(text, time)) return time;
  throw badArgument(
    'createdSince',
    `${quoted(text)} is no time; write 2026-01-31, 2026-01-31T12:00:00Z, or an age: 12h, 90d, 8w`,
  );
}

/** JavaScript reads the 31st of a month of 30 days as the first of the next. */
function isOtherDay(text: string, time: number): boolean {
  return text.length === 10 && new Date(time).toISOString().slice(0, 10) !== text;
}
