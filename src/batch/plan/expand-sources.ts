import { engineError, hasCode } from '../../errors/kinds.ts';
import type { EngineError } from '../../errors/engine-error.ts';
import { asEngineError } from '../../errors/wire.ts';
import { parseDockerReference } from '../../formats/distribution/docker-reference.ts';
import type { Registries } from '../../formats/distribution/registry.ts';
import { validateTag } from '../../identity/reference.ts';
import { quoted } from '../../image/strict-json.ts';
import { subjectOfTag } from '../../image/subject-tag.ts';
import { throwIfAborted } from '../../streams/abort.ts';
import type { Batch, BatchEntry, BatchSource } from '../batch.ts';
import { type ImageFilter, keepTags, nameTest } from '../image-filter.ts';
import { filesOf } from './find-files.ts';
import { inParallel } from './in-parallel.ts';

/** One place to read, or why there is none. */
export interface ExpandedSource {
  /** The number of the entry that names it. */
  entry: number;
  /** As `openSource` takes it; with an error, what could not be listed. */
  location: string;
  error: EngineError | null;
}

export interface ExpandOptions {
  /** Those that sources are read from; undefined where the batch names none. */
  registries: Registries | undefined;
  signal: AbortSignal;
}

/**
 * Lists what a batch names: files by pattern, tags of repositories, repositories of registries, each in the order of
 * their names, so that the same batch is the same plan. What cannot be listed, or has nothing that is wanted, is one source
 * with an error, and the rest goes on. Throws CANCELLED.
 */
export async function* expandSources(batch: Batch, options: ExpandOptions): AsyncGenerator<ExpandedSource> {
  for (const [number, entry] of batch.entries.entries()) {
    try {
      for (const { location, error } of await expand(entry, options)) yield { entry: number, location, error };
    } catch (thrown) {
      yield { entry: number, location: entry.source.location, error: failure(thrown, options.signal) };
    }
  }
}

/** Repositories that are listed at once. */
const AT_ONCE = 8;

type Listed = Omit<ExpandedSource, 'entry'>;

function failure(thrown: unknown, signal: AbortSignal): EngineError {
  throwIfAborted(signal);
  const error = asEngineError(thrown);
  if (error.kind === 'Cancelled') throw error;
  return error;
}

async function expand({ source, filter }: BatchEntry, options: ExpandOptions): Promise<Listed[]> {
  throwIfAborted(options.signal);
  switch (source.type) {
    case 'location':
      return [{ location: source.location, error: null }];
    case 'pattern':
      return (await filesOf(source.location, options.signal)).map((location) => ({ location, error: null }));
    case 'repository':
      return tagsOf(source.location, filter, options);
    case 'registry':
      return repositoriesOf(source, filter, options);
  }
}

/** The tags that pass by their names. Those that stand for what is about an image come with it, and are none themselves. */
async function tagsOf(location: string, filter: ImageFilter | undefined, options: ExpandOptions): Promise<Listed[]> {
  const { host, name } = parseDockerReference(location.slice('docker:'.length));
  const repository = await registriesIn(options.registries, location).repository(host, name);
  const tags: string[] = [];
  for await (const tag of repository.tags(options.signal)) if (subjectOfTag(tag) === null) tags.push(tag);
  const wanted = keepTags(filter ?? {}, tags.sort(byName));
  if (wanted.length === 0) throw nothingIn(location, tags.length, 'tags');
  return wanted.map((tag) => ({ location: `docker://${host}/${name}:${tag}`, error: problemOf(tag) }));
}

/** A registry may list what nobody could ask for. */
function problemOf(tag: string): EngineError | null {
  try {
    validateTag(tag);
    return null;
  } catch (error) {
    return asEngineError(error);
  }
}

async function repositoriesOf(
  { location, repositories }: Extract<BatchSource, { type: 'registry' }>,
  filter: ImageFilter | undefined,
  options: ExpandOptions,
): Promise<Listed[]> {
  const { host } = parseDockerReference(`${location.slice('docker:'.length)}/x`);
  const names: string[] = [];
  for await (const name of registriesIn(options.registries, location).catalog(host)) {
    throwIfAborted(options.signal);
    names.push(name);
  }
  const wanted = names.filter(nameTest(repositories ?? {})).sort(byName);
  const found = await inParallel(wanted, AT_ONCE, (name) => tagsIfAny(`docker://${host}/${name}`, filter, options));
  const listed = found.flat();
  if (listed.length === 0) throw nothingIn(location, names.length, 'repositories');
  return listed;
}

/** None for a repository in which nothing is wanted: the filter is for all of them, and some have lost their images. */
async function tagsIfAny(location: string, filter: ImageFilter | undefined, options: ExpandOptions): Promise<Listed[]> {
  try {
    return await tagsOf(location, filter, options);
  } catch (thrown) {
    const error = failure(thrown, options.signal);
    const isGone = hasCode(error, 'REGISTRY_REFUSED') && error.details.status === 404;
    return isGone || hasCode(error, 'NOTHING_TO_COPY') ? [] : [{ location, error }];
  }
}

function nothingIn(location: string, listed: number, what: 'tags' | 'repositories'): Error {
  const why = listed === 0 ? `it lists no ${what}` : `of the ${listed} ${what} that it lists none has what is wanted`;
  const hint = listed === 0 ? 'check its name' : 'check the filters, which must fit whole names';
  const message = `nothing to copy from ${quoted(location)}: ${why}; ${hint}`;
  return engineError('NOTHING_TO_COPY', message, { location, listed });
}

function registriesIn(registries: Registries | undefined, location: string): Registries {
  if (registries !== undefined) return registries;
  throw engineError('INTERNAL', `no registries to list ${location} with`, { where: 'expandSources' });
}

function byName(a: string, b: string): number {
  return Number(a > b) - Number(a < b);
}
