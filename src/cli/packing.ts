import { type Command, Option } from 'commander';
import { type Packing, packingWith } from '../config/packing.ts';
import type { CompressionSettings } from '../config/settings.ts';
import { engineError } from '../errors/kinds.ts';

/** How layers are packed, as it is asked for. */
export interface PackingOptions {
  compression?: string;
  level?: string;
  reproducible?: boolean;
}

/** Adds the options that decide how layers are packed. */
export function addPackingOptions(command: Command, compressions: readonly string[]): Command {
  return command
    .addOption(new Option('--compression <kind>', 'how layers are packed').choices(compressions))
    .option(
      '--level <n>',
      'gzip 1 to 9 (default 4, reproducible 6), zstd 1 to 22 (3), gzip:libdeflate 1 to 12 (2), gzip:isal 0 to 3 (3)',
    )
    .option('--reproducible', 'the same bytes on every machine; gzip is then about four times as slow');
}

/**
 * What was asked for, else what the settings say; a compression of undefined is left to the destination. Throws
 * INVALID_ARGUMENT for a level that nothing is packed with.
 */
export function packingOf<const Compression extends string>(
  options: PackingOptions,
  settings: CompressionSettings,
  compressions: readonly Compression[],
): Packing<Compression | undefined> {
  const named = options.compression ?? settings.default;
  const compression = compressions.find((known) => known === named);
  if (options.level !== undefined && (compression === undefined || compression === 'keep' || compression === 'none'))
    throw wrongLevel('--level needs a --compression that has levels', options.level);
  const level = options.level === undefined ? undefined : wholeNumber(options.level);
  return packingWith({ compression, level, reproducible: options.reproducible }, settings);
}

function wholeNumber(text: string): number {
  if (/^\d{1,2}$/.test(text)) return Number(text);
  throw wrongLevel(`--level must be a whole number, not ${JSON.stringify(text)}`, text);
}

function wrongLevel(message: string, value: string): Error {
  return engineError('INVALID_ARGUMENT', message, { argument: '--level', value });
}
