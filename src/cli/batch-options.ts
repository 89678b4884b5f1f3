import { type Command, Option } from 'commander';
import type { Batch, BatchEntry, BatchSource } from '../batch/batch.ts';
import { checkBatch } from '../batch/check-batch.ts';
import { EQUALITIES } from '../coordinator/copy/equality.ts';
import { engineError } from '../errors/kinds.ts';
import { PACKING_NAMES } from '../compression/codecs.ts';
import { type CopyOptions, checkCopyOptions } from './copy-options.ts';
import type { CompressionSettings } from '../config/settings.ts';
import { formatPlatform } from '../image/platform.ts';

/** What was typed after `layermill run` or `plan`, of what a batch is. */
export interface BatchOptions extends Omit<CopyOptions, 'additionalTag' | 'digestfile' | 'dryRun' | 'legacy'> {
  from?: string;
  fromAuth?: string;
  include?: string[];
  exclude?: string[];
  semver?: string[];
  newest?: string;
  createdSince?: string;
  retries?: string;
  abortOnError?: boolean;
}

const collect = (value: string, before: string[] = []): string[] => [...before, value];

/** Adds the operands, and the options that say what images are wanted, and how they are to come. */
export function addBatchOptions(command: Command, operands: string): Command {
  return command
    .usage('[options] <jobfile> | <source...> <destination>')
    .argument('[operands...]', operands)
    .option('--from <file>', 'a job file; also one of regsync, skopeo sync or image-syncer, or a list of references')
    .option('--from-auth <file>', 'the auth file that goes with one of image-syncer')
    .option('--platform <platform>', 'of an index only os/architecture; may be repeated', collect)
    .option('--referrers', 'also what refers to the images: signatures, attestations, lists of contents')
    .option('--include <pattern>', 'only tags that this regular expression fits; may be repeated', collect)
    .option('--exclude <pattern>', 'no tags that this regular expression fits; may be repeated', collect)
    .option('--semver <range>', 'only tags that are versions in this range; may be repeated', collect)
    .option('--newest <n>', 'of each repository only so many')
    .option('--created-since <time>', 'only images made since a date or an age such as 90d')
    .addOption(
      new Option('--dest-compress-format <kind>', 'pack layers so, unless they are already').choices(PACKING_NAMES),
    )
    .option('--dest-compress-level <n>', 'as --level of `layermill export`')
    .option('--dest-force-compress-format', 'pack also those that came in the format, with our own profile')
    .option('--reproducible', 'the same bytes on every machine; gzip is then about four times as slow')
    .addOption(new Option('--format <format>', 'media types of manifests').choices(['oci', 'docker', 'v2s2']))
    .option('--preserve-digests', 'fail an image unless its manifest stays the same')
    .addOption(new Option('--allow <level>', 'fail an image that would change more than this').choices(EQUALITIES))
    .option('--retries <n>', 'how often an image is tried again after a failure that may pass (default: 3)')
    .option('--abort-on-error', 'stop at the first failure')
    .option('--cache <dir>', 'where packed layers are kept between runs, or none')
    .option('--cache-size <bytes>', 'what may stay there (default: 20GB)');
}

/** The batch that the operands say: sources, and the last one is where they go. Throws INVALID_ARGUMENT. */
export function batchOfOperands(
  operands: readonly string[],
  options: BatchOptions,
  settings: CompressionSettings,
): Batch {
  const sources = operands.slice(0, -1);
  const target = operands.at(-1);
  if (target === undefined || sources.length === 0) {
    const message = 'a batch is a job file, or sources and a destination: layermill run SOURCE... DESTINATION';
    throw engineError('INVALID_ARGUMENT', message, { argument: 'destination' });
  }
  if (sources.includes('-')) {
    const message =
      'a batch does not read the standard input, because it may have to be read again; use layermill copy';
    throw engineError('INVALID_ARGUMENT', message, { argument: '-' });
  }
  const terms = termsOf(options, settings);
  const batch: Batch = {
    entries: sources.map((location) => ({ source: sourceOf(location), target, ...terms })),
    limits: limitsOf(options),
  };
  checkBatch(batch);
  return batch;
}

/** What a file says, with what was typed in its place. Throws INVALID_ARGUMENT. */
export function withTyped(batch: Batch, options: BatchOptions, settings: CompressionSettings): Batch {
  const typed = Object.entries(termsOf(options, settings)).filter(([, value]) => value !== undefined);
  if (typed.length === 0) return batch;
  const terms = Object.fromEntries(typed) as Partial<BatchEntry>;
  const changed = { ...batch, entries: batch.entries.map((entry) => ({ ...entry, ...terms })) };
  checkBatch(changed);
  return changed;
}

/** A star or a question mark makes it a pattern, unless there is a registry in it. */
function sourceOf(location: string): BatchSource {
  const isPattern = /[*?]/.test(location) && !location.startsWith('docker:');
  return { type: isPattern ? 'pattern' : 'location', location };
}

function termsOf(options: BatchOptions, settings: CompressionSettings): Omit<BatchEntry, 'source' | 'target'> {
  const { platforms, compression, level, repack, reproducible, format, preserveDigests, allow } = checkCopyOptions(
    options,
    settings,
  );
  const { include, exclude, semver, newest, createdSince, referrers } = options;
  const filter = {
    allow: include,
    deny: exclude,
    semver,
    newest: newest === undefined ? undefined : wholeNumber(newest, '--newest'),
    createdSince,
  };
  const packing = { compression: compression === 'keep' ? undefined : compression, level, repack, reproducible };
  return {
    platforms: platforms?.map(formatPlatform),
    referrers,
    filter: isEmpty(filter) ? undefined : filter,
    packing: isEmpty(packing) ? undefined : packing,
    format,
    preserveDigests,
    allow,
  };
}

/** Bounds that were typed. */
export function limitsOf({ retries, abortOnError }: BatchOptions): Batch['limits'] {
  return { retries: retries === undefined ? undefined : wholeNumber(retries, '--retries'), abortOnError };
}

function isEmpty(values: object): boolean {
  return Object.values(values).every((value) => value === undefined);
}

function wholeNumber(text: string, argument: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  const message = `${argument} must be a whole number, not ${JSON.stringify(text)}`;
  throw engineError('INVALID_ARGUMENT', message, { argument, value: text });
}
