import * as v from 'valibot';
import type { PackingName } from '../../compression/codec.ts';
import { PACKING_NAMES } from '../../compression/codecs.ts';
import { EQUALITIES, type Equality } from '../../coordinator/copy/equality.ts';

/** The keys of objects whose schema this is; the messages of all schemas are the end of "must be …". */
type Entries = v.ObjectEntries;
type Struct<E extends Entries> = v.GenericSchema<unknown, v.InferOutput<v.ObjectSchema<E, undefined>>>;

/** An object with these keys and no others; all that is wrong is told at once. */
function struct<E extends Entries>(entries: E): Struct<E> {
  const isMapping = v.custom<object>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    'a mapping of keys to values',
  );
  // What is not known is `never`, and the message says what is.
  return v.pipe(isMapping, v.objectWithRest(entries, v.never(Object.keys(entries).join(', ')))) as unknown as Struct<E>;
}

const text = v.pipe(v.string('text; put quotes around it'), v.nonEmpty('text that is not empty'));
const yesNo = v.boolean('true or false');

function whole(least: number, most: number): v.GenericSchema<unknown, number> {
  const what = `a whole number from ${least} to ${most}`;
  return v.pipe(v.number(what), v.integer(what), v.minValue(least, what), v.maxValue(most, what));
}

function listOf<Item extends v.GenericSchema>(
  item: Item,
  what: string,
): v.GenericSchema<unknown, v.InferOutput<Item>[]> {
  return v.pipe(v.array(item, what), v.minLength(1, `${what}, and not empty`)) as unknown as v.GenericSchema<
    unknown,
    v.InferOutput<Item>[]
  >;
}

function oneOf<Word extends string>(words: readonly Word[]): v.GenericSchema<unknown, Word> {
  return v.picklist(words, `one of ${words.join(', ')}`);
}

const texts = listOf(text, 'a list of texts');
const names = { allow: v.optional(texts), deny: v.optional(texts) };

/** `${NAME}`, and nothing around it. */
export const VARIABLE: RegExp = /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$/;
const secret = v.pipe(
  v.string('text'),
  v.regex(VARIABLE, '${NAME} of an environment variable; a secret is never written here, an authFile can hold it too'),
);

/** Numbers and units as settings have them, of what a spool needs at least: `"64GiB"`, `"500MB"`. */
const bytes = v.union(
  [
    v.pipe(v.number(), v.safeInteger(), v.minValue(1_000_000)),
    v.pipe(v.string(), v.regex(/^[1-9]\d*(\.\d+)?[MGT]i?B$/)),
  ],
  'a number of bytes such as "64GiB", at least 1 MB',
);

const TLS_WORDS = ['enabled', 'insecure', 'disabled'] as const;
const tls = oneOf(TLS_WORDS);

export const TYPES = ['image', 'repository', 'registry', 'archive', 'directory', 'pattern', 'docker-root'] as const;

const FORMATS: readonly ('keep' | PackingName)[] = ['keep', ...PACKING_NAMES];
const compression = struct({
  format: v.optional(oneOf(FORMATS)),
  level: v.optional(whole(0, 22)),
  reproducible: v.optional(yesNo),
  force: v.optional(yesNo),
});

const MANIFEST_FORMATS = ['oci', 'docker', 'v2s2'] as const;

/** What entries may say, and defaults for all of them. */
const common = {
  platforms: v.optional(texts),
  referrers: v.optional(yesNo),
  compression: v.optional(compression),
  format: v.optional(oneOf(MANIFEST_FORMATS)),
  preserveDigests: v.optional(yesNo),
  allow: v.optional(oneOf(EQUALITIES)),
};

const CREDS: v.GenericSchema<unknown, JobCreds> = struct({
  registry: text,
  user: v.optional(text),
  pass: v.optional(secret),
  authFile: v.optional(text),
  tls: v.optional(tls),
  certDir: v.optional(text),
});

const DEFAULTS: v.GenericSchema<unknown, JobDefaults> = struct({
  ...common,
  tls: v.optional(tls),
  retries: v.optional(whole(0, 100)),
  limits: v.optional(
    struct({
      jobs: v.optional(whole(1, 1024)),
      spoolBytes: v.optional(bytes),
      memoryBytes: v.optional(bytes),
      abortOnError: v.optional(yesNo),
    }),
  ),
});

export const ENTRY: v.GenericSchema<unknown, JobEntry> = struct({
  source: text,
  target: text,
  type: v.optional(oneOf(TYPES)),
  tags: v.optional(
    struct({
      ...names,
      semver: v.optional(v.union([text, texts], 'a range of versions, or a list of them')),
      newest: v.optional(whole(1, 1_000_000)),
      createdSince: v.optional(text),
    }),
  ),
  repos: v.optional(struct(names)),
  ...common,
  limits: v.optional(struct({ retries: v.optional(whole(0, 100)), abortOnError: v.optional(yesNo) })),
  rename: v.optional(
    listOf(struct({ from: text, to: v.string('text; put quotes around it') }), 'a list of from and to'),
  ),
});

export const JOB: v.GenericSchema<unknown, JobDocument> = struct({
  version: v.literal(1, '1'),
  creds: v.optional(listOf(CREDS, 'a list of registries')),
  defaults: v.optional(DEFAULTS),
  sync: listOf(ENTRY, 'a list of entries with source and target'),
});

/** A job file as it is written, of the right shape. */
export interface JobDocument {
  version: 1;
  creds?: JobCreds[] | undefined;
  defaults?: JobDefaults | undefined;
  sync: JobEntry[];
}

/** What entries may say, and defaults for all of them. */
interface Common {
  platforms?: string[] | undefined;
  referrers?: boolean | undefined;
  compression?:
    | {
        format?: 'keep' | PackingName | undefined;
        level?: number | undefined;
        reproducible?: boolean | undefined;
        force?: boolean | undefined;
      }
    | undefined;
  format?: 'oci' | 'docker' | 'v2s2' | undefined;
  preserveDigests?: boolean | undefined;
  allow?: Equality | undefined;
}

interface Names {
  allow?: string[] | undefined;
  deny?: string[] | undefined;
}

export interface JobEntry extends Common {
  source: string;
  target: string;
  type?: (typeof TYPES)[number] | undefined;
  tags?:
    | (Names & {
        semver?: string | string[] | undefined;
        newest?: number | undefined;
        createdSince?: string | undefined;
      })
    | undefined;
  repos?: Names | undefined;
  limits?: { retries?: number | undefined; abortOnError?: boolean | undefined } | undefined;
  rename?: { from: string; to: string }[] | undefined;
}

export interface JobDefaults extends Common {
  tls?: (typeof TLS_WORDS)[number] | undefined;
  retries?: number | undefined;
  limits?:
    | {
        jobs?: number | undefined;
        spoolBytes?: number | string | undefined;
        memoryBytes?: number | string | undefined;
        abortOnError?: boolean | undefined;
      }
    | undefined;
}

/** How one registry is spoken to, as it is written: with `${NAME}` for what is in the environment. */
export interface JobCreds {
  registry: string;
  user?: string | undefined;
  pass?: string | undefined;
  authFile?: string | undefined;
  tls?: (typeof TLS_WORDS)[number] | undefined;
  certDir?: string | undefined;
}
