import { profileFor } from '../../compression/codecs.ts';
import { isEngineError } from '../../errors/kinds.ts';
import { badArgument } from '../../errors/arguments.ts';
import { formatPlatform, parsePlatform } from '../../image/platform.ts';
import type { BatchEntry, BatchPacking } from '../batch.ts';
import { checkRange, type ImageFilter, type NameFilter, sinceMs, wholeName } from '../image-filter.ts';
import { checkRename } from '../plan/rename.ts';
import { readSource, readTarget } from './endpoints.ts';
import type { JobDefaults, JobEntry } from './job-schema.ts';
import type { Path } from './problems.ts';

/** Notes what a step finds wrong, under its place in the entry, so that the next ones still have their turn. */
type Attempt = <Value>(path: Path, step: () => Value) => Value | null;

/** What is wrong with an entry, besides its shape. */
export type NoteProblem = (path: Path, message: string) => void;

type Packing = NonNullable<JobEntry['compression']>;

/** An entry with the defaults filled in; null when something in it cannot be. */
export function readEntry(entry: JobEntry, defaults: JobDefaults, note: NoteProblem): BatchEntry | null {
  let wrong = false;
  const attempt: Attempt = (path, step) => {
    try {
      return step();
    } catch (error) {
      if (!isEngineError(error)) throw error;
      note(path, error.message);
      wrong = true;
      return null;
    }
  };
  const source = attempt(['source'], () => readSource(entry.source, entry.type));
  const target = attempt(['target'], () => readTarget(entry.target, source?.type ?? 'location'));
  const repositories = readNames(['repos'], entry.repos, attempt);
  attempt(['repos'], () => {
    if (repositories !== undefined && source !== null && source.type !== 'registry')
      throw badArgument('repos', 'repos choose among those of a registry; this source has one');
  });
  const rest = {
    platforms: platformsOf(entry, defaults, attempt),
    referrers: entry.referrers ?? defaults.referrers,
    filter: filterOf(entry.tags, attempt),
    rename: renameOf(entry, attempt),
    packing: packingOf(compressionOf(entry.compression, defaults.compression), attempt),
    format: formatOf(entry.format ?? defaults.format),
    preserveDigests: entry.preserveDigests ?? defaults.preserveDigests,
    allow: entry.allow ?? defaults.allow,
    limits: entry.limits === undefined ? undefined : orNothing(said(entry.limits)),
  };
  if (wrong || source === null || target === null) return null;
  const withNames = source.type === 'registry' && repositories !== undefined ? { ...source, repositories } : source;
  return said({ source: withNames, target, ...rest });
}

/** Without what nobody said: the text of a batch is what its ledger is known by. */
function said<Value extends object>(value: Value): Value {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as Value;
}

function formatOf(format: JobEntry['format']): BatchEntry['format'] {
  return format === 'v2s2' ? 'docker' : format;
}

function platformsOf(entry: JobEntry, defaults: JobDefaults, attempt: Attempt): string[] | undefined {
  const given = entry.platforms ?? defaults.platforms;
  return given?.map((text, index) => attempt(['platforms', index], () => formatPlatform(parsePlatform(text))) ?? text);
}

function readNames(path: Path, names: NameFilter | undefined, attempt: Attempt): NameFilter | undefined {
  for (const key of ['allow', 'deny'] as const)
    for (const [index, pattern] of (names?.[key] ?? []).entries())
      attempt([...path, key, index], () => wholeName(pattern));
  return names === undefined ? undefined : orNothing(said({ allow: names.allow, deny: names.deny }));
}

/** An object that says nothing is as good as none. */
function orNothing<Value extends object>(value: Value): Value | undefined {
  return Object.keys(value).length === 0 ? undefined : value;
}

function filterOf(tags: JobEntry['tags'], attempt: Attempt): ImageFilter | undefined {
  if (tags === undefined) return undefined;
  const semver = typeof tags.semver === 'string' ? [tags.semver] : tags.semver;
  for (const range of semver ?? []) attempt(['tags', 'semver'], () => checkRange(range));
  const { createdSince, newest } = tags;
  if (createdSince !== undefined) attempt(['tags', 'createdSince'], () => sinceMs(createdSince, new Date()));
  return orNothing(said({ ...readNames(['tags'], tags, attempt), semver, newest, createdSince }));
}

function renameOf({ rename }: JobEntry, attempt: Attempt): JobEntry['rename'] {
  for (const [index, rule] of (rename ?? []).entries()) attempt(['rename', index], () => checkRename(rule));
  return rename;
}

/** A format of its own comes with its own level: that of another one means something else. */
function compressionOf(own: Packing = {}, defaults: Packing = {}): Packing {
  if (own.format === undefined) return { ...defaults, ...own };
  const { reproducible, force } = defaults;
  return said({ reproducible, force: own.format === 'keep' ? undefined : force, ...own });
}

function packingOf(compression: Packing, attempt: Attempt): BatchPacking | undefined {
  const { format, level, reproducible, force } = compression;
  const name = format === 'keep' ? undefined : format;
  attempt(['compression'], () => {
    if (name !== undefined) profileFor({ compression: name, level, reproducible: reproducible ?? false });
    else if (level !== undefined)
      throw badArgument('level', 'compression.level needs a compression.format that has levels');
    else if (force === true) throw badArgument('force', 'compression.force needs a compression.format');
  });
  return orNothing(said({ compression: name, level, reproducible, repack: force }));
}
