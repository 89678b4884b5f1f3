import { engineError } from '../errors/kinds.ts';
import {
  type ByteSink,
  type Compression,
  type CompressionProfile,
  type Decoder,
  type ExpansionLimits,
  type GzipImplementation,
  PART_BYTES,
  type PackingName,
  type PartEncoder,
  type PartWriter,
} from './codec.ts';
import { crc32Combine } from './crc32.ts';
import { gzipDecoder } from './gzip.ts';
import { gzipParts } from './gzip-parts.ts';
import { isalBlock } from './isal-block.ts';
import { libdeflateParts } from './libdeflate-parts.ts';
import { plainDecoder, plainParts } from './none.ts';
import { pakoBlock } from './pako-block.ts';
import { zlibBlock } from './zlib-block.ts';
import { zstdDecoder, zstdParts } from './zstd.ts';

type Implementation = CompressionProfile['implementation'];

/**
 * Levels when none is given. zlib 4 and libdeflate 2 make less of a layer than skopeo's gzip does; of a 376 MB image they
 * make 136.2 and 134.2 MB (skopeo 136.7), with 81 and 131 MB/s on one core. zlib 6 takes twice as long and libdeflate 4 a
 * quarter more for 2 % less. ISA-L 3 makes 5 % more, with 243 MB/s. Whoever asks for the same bytes everywhere has given
 * speed away already and gets zlib's own default from pako. zstd 3 is zstd's default: 110.7 MB, with 231 MB/s.
 */
const LEVELS: Record<Implementation, { default: number; least: number; most: number }> = {
  none: { default: 0, least: 0, most: 0 },
  zlib: { default: 4, least: 1, most: 9 },
  pako: { default: 6, least: 1, most: 9 },
  libdeflate: { default: 2, least: 1, most: 12 },
  isal: { default: 3, least: 0, most: 3 },
  zstd: { default: 3, least: 1, most: 22 },
};

/** Whom `gzip:` may name. */
const GZIP: readonly GzipImplementation[] = ['zlib', 'pako', 'libdeflate', 'isal'];

/** Everything that layers can be written with, as a person names it. */
export const PACKING_NAMES: readonly PackingName[] = [
  'none',
  'gzip',
  'zstd',
  ...GZIP.map((implementation) => `gzip:${implementation}` as const),
];

/**
 * The profile of what a person asked for. `reproducible` gives up speed where bytes would otherwise depend on the
 * machine: zstd's never do. Throws INVALID_ARGUMENT for a level that the implementation does not have, for one that is
 * not reproducible though that is wanted, and for what is never written (a caller in JavaScript may ask for anything).
 */
export function profileFor(wanted: {
  compression: PackingName;
  level?: number | undefined;
  reproducible?: boolean;
}): CompressionProfile {
  const { compression: name, reproducible = false } = wanted;
  if (!PACKING_NAMES.includes(name)) {
    const message = `layers are written with ${PACKING_NAMES.join(', ')}, not ${JSON.stringify(name)}`;
    throw engineError('INVALID_ARGUMENT', message, { argument: 'compression', value: String(name) });
  }
  const [compression, implementation] = chosen(name, reproducible);
  if (reproducible && compression === 'gzip' && implementation !== 'pako') {
    const message = `${name} has other bytes on other machines; what is reproducible is gzip:pako, or zstd`;
    throw engineError('INVALID_ARGUMENT', message, { argument: 'compression', value: name });
  }
  const range = LEVELS[implementation];
  const level = wanted.level ?? range.default;
  if (!Number.isInteger(level) || level < range.least || level > range.most) {
    const levels = compression === 'none' ? 'has no levels' : `has levels ${range.least} to ${range.most}`;
    const message = `level ${level} does not exist: compression ${name} ${levels}`;
    throw engineError('INVALID_ARGUMENT', message, { argument: 'level', value: String(level) });
  }
  return { compression, level, implementation };
}

function chosen(
  name: PackingName,
  reproducible: boolean,
): [CompressionProfile['compression'], CompressionProfile['implementation']] {
  switch (name) {
    case 'none':
      return ['none', 'none'];
    case 'zstd':
      return ['zstd', 'zstd'];
    case 'gzip':
      return ['gzip', reproducible ? 'pako' : 'zlib'];
    default:
      return ['gzip', name.slice('gzip:'.length) as GzipImplementation];
  }
}

/**
 * Unpacks in this thread. Throws UNSUPPORTED_COMPRESSION for xz and bzip2, which only the main thread can unpack,
 * with the system's programs (`unpackWithProgram`).
 */
export function decoderFor(compression: Compression, sink: ByteSink, limits: ExpansionLimits): Decoder {
  switch (compression) {
    case 'none':
      return plainDecoder(sink, limits);
    case 'gzip':
      return gzipDecoder(sink, limits);
    case 'zstd':
      return zstdDecoder(sink, limits);
    case 'xz':
    case 'bzip2': {
      const message = `${compression} cannot be read here; unpack it first, or pack it with gzip or zstd`;
      throw engineError('UNSUPPORTED_COMPRESSION', message, { compression });
    }
  }
}

/** Packs by parts, in any thread. A profile that needs a library has to say which file it is: see `withLibrary`. */
export function partEncoder(profile: CompressionProfile): PartEncoder {
  switch (profile.implementation) {
    case 'none':
      return plainParts();
    case 'zlib':
      return gzipParts(profile.level, zlibBlock);
    case 'pako':
      return gzipParts(profile.level, pakoBlock());
    case 'libdeflate':
      return libdeflateParts(fileOf(profile), profile.level);
    case 'isal':
      return gzipParts(profile.level, isalBlock(fileOf(profile)));
    case 'zstd':
      return zstdParts(profile.level);
  }
}

function fileOf({ implementation, library }: CompressionProfile): string {
  if (library !== undefined) return library.file;
  throw engineError('INTERNAL', `the library of gzip:${implementation} was not tested`, { where: 'partEncoder' });
}

/** Packs a whole stream in one thread, to the same bytes as the parts of it would be joined to. */
export function sequentialEncoder(
  profile: CompressionProfile,
  sink: ByteSink,
): { write(chunk: Buffer): void; end(): void } {
  const encoder = partEncoder(profile);
  let part: PartWriter | null = null;
  let partSize = 0;
  let size = 0;
  let crc = 0;

  const emit = (bytes: Buffer): void => {
    if (bytes.length > 0) sink(bytes);
  };
  const endPart = (open: PartWriter): void => {
    crc = crc32Combine(crc, open.end(), partSize);
    size += partSize;
    partSize = 0;
    part = null;
  };
  /** Whether a part is the last one is known too late here, and matters for one without any bytes only. */
  const beginPart = (last: boolean): PartWriter => {
    if (size === 0) emit(encoder.head);
    part = encoder.part(sink, last);
    return part;
  };

  return {
    write(chunk) {
      for (let at = 0; at < chunk.length;) {
        const open: PartWriter = part ?? beginPart(false);
        const piece = chunk.subarray(at, at + PART_BYTES - partSize);
        open.write(piece);
        at += piece.length;
        partSize += piece.length;
        if (partSize === PART_BYTES) endPart(open);
      }
    },
    end() {
      if (part !== null) endPart(part);
      else if (size === 0) endPart(beginPart(true));
      emit(encoder.tail(crc, size));
    },
  };
}
