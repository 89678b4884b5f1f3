import type { TestedLibrary } from '../system/tested-library.ts';

/** How layer bytes may be packed. xz and bzip2 are only read, through the system's programs. */
export type Compression = 'none' | 'gzip' | 'zstd' | 'xz' | 'bzip2';
/** What layermill writes. */
export type OutputCompression = 'none' | 'gzip' | 'zstd';

/** What a person may ask for: gzip also by the implementation that is to make it. */
export type PackingName = OutputCompression | `gzip:${GzipImplementation}`;

export type GzipImplementation = 'zlib' | 'pako' | 'libdeflate' | 'isal';

/** Called with bytes that are only valid until it returns: the buffer is used again. */
export type ByteSink = (chunk: Buffer) => void;

/**
 * Takes packed bytes as they come and gives unpacked ones to its sink before `write` returns. `end` must be called:
 * truncation, CRC and size errors of the packed stream show there. Throws COMPRESSION_INVALID, or LIMIT_EXCEEDED when
 * the output outgrows the limits.
 */
export interface Decoder {
  write(chunk: Buffer): void;
  end(): void;
}

/** Bounds of a decoder: a bomb is refused before it costs more than one buffer. */
export interface ExpansionLimits {
  /** Unpacked bytes in all. */
  outputBytes: number;
  /** Unpacked over packed bytes, looked at once the output has passed 64 MiB. */
  ratio: number;
}

/**
 * Everything that decides the bytes of a packed layer. The same profile gives the same bytes whatever the number of
 * threads: the input is cut at fixed offsets (gzip 1 MiB, zstd 8 MiB) and each cut is packed by itself.
 */
export interface CompressionProfile {
  compression: OutputCompression;
  level: number;
  /** `pako` gives the same bytes on every machine; `zlib` is about four times as fast, the others faster still. */
  implementation: GzipImplementation | 'zstd' | 'none';
  /** The file that `libdeflate` or `isal` is loaded from; `withLibrary` knows it. */
  library?: TestedLibrary;
}

/**
 * Packs a stream whose parts may be packed anywhere: the file is `head`, the parts in order, `tail`. A part is
 * PART_BYTES of input (the last one shorter); only the last is made with `last`.
 */
export interface PartEncoder {
  readonly head: Buffer;
  /** Packs the input pushed so far for one part; `sink` gets the packed bytes. */
  part(sink: ByteSink, last: boolean): PartWriter;
  /** What follows the last part: the gzip trailer from CRC-32 and length (modulo 2^32) of the whole input. */
  tail(crc32: number, size: number): Buffer;
}

export interface PartWriter {
  write(chunk: Buffer): void;
  /** Flushes; answers the CRC-32 of this part's input (0 where the format needs none). */
  end(): number;
}

/** Bytes of tar in one part of a parallel export; part boundaries never depend on the number of threads. */
export const PART_BYTES: number = 8 * 1024 * 1024;
