import { profileFor } from '../compression/codecs.ts';
import type { PackingName } from '../compression/codec.ts';
import type { CompressionSettings } from '../config/settings.ts';
import type { Equality } from '../coordinator/copy/equality.ts';
import type { CopyJob } from '../coordinator/jobs/copy.ts';
import { engineError } from '../errors/kinds.ts';
import { askedName } from '../formats/names.ts';
import type { Platform } from '../image/image-source.ts';
import type { ManifestFormat } from '../image/media-types.ts';
import { parsePlatform } from '../image/platform.ts';
import type { TypedRegistryOptions } from './registry-options.ts';

/** What was typed after `layermill copy`. */
export interface CopyOptions extends TypedRegistryOptions {
  platform?: string[];
  preserveDigests?: boolean;
  allow?: Equality;
  format?: 'oci' | 'docker' | 'v2s2';
  destCompressFormat?: PackingName;
  destCompressLevel?: string;
  destForceCompressFormat?: boolean;
  reproducible?: boolean;
  referrers?: boolean;
  /** Other spellings of the same. */
  includeReferrers?: boolean;
  digestTags?: boolean;
  additionalTag?: string[];
  digestfile?: string;
  dryRun?: boolean;
  legacy?: boolean;
  cache?: string;
  cacheSize?: string;
}

/** The same, checked, as the job takes it. */
export type CheckedCopy = Pick<
  CopyJob,
  | 'platforms'
  | 'preserveDigests'
  | 'allow'
  | 'compression'
  | 'level'
  | 'repack'
  | 'reproducible'
  | 'additionalNames'
  | 'dryRun'
> & { format: ManifestFormat | undefined };

/** Throws INVALID_ARGUMENT before anything is opened. */
export function checkCopyOptions(options: CopyOptions, settings: CompressionSettings): CheckedCopy {
  const compression = options.destCompressFormat;
  const level = options.destCompressLevel === undefined ? undefined : wholeNumber(options.destCompressLevel);
  if (compression === undefined && (level !== undefined || options.destForceCompressFormat === true)) {
    const argument = level === undefined ? '--dest-force-compress-format' : '--dest-compress-level';
    throw engineError('INVALID_ARGUMENT', `${argument} needs --dest-compress-format`, { argument });
  }
  const { reproducible = settings.reproducible } = options;
  // Refused before anything is opened.
  if (compression !== undefined) profileFor({ compression, level, reproducible });
  return {
    platforms: options.platform === undefined ? undefined : platformsOf(options.platform),
    preserveDigests: options.preserveDigests,
    allow: options.allow,
    format: options.format === 'v2s2' ? 'docker' : options.format,
    compression,
    level,
    repack: options.destForceCompressFormat,
    reproducible: options.reproducible,
    additionalNames: options.additionalTag?.map(askedName),
    dryRun: options.dryRun,
  };
}

function platformsOf(given: readonly string[]): Platform[] {
  return given.flatMap((text) => text.split(',')).map(parsePlatform);
}

function wholeNumber(text: string): number {
  if (/^\d{1,2}$/.test(text)) return Number(text);
  const message = `--dest-compress-level must be a whole number, not ${JSON.stringify(text)}`;
  throw engineError('INVALID_ARGUMENT', message, { argument: '--dest-compress-level', value: text });
}
