import { loadLibrary } from './native-library.ts';

/** The interface that was used here is that of this soname (1.8 to 1.14 and later); prototypes, no structs. */
export const LIBDEFLATE = 'libdeflate.so.0';

/** Packs whole blocks; for one thread. */
export interface GzipPacker {
  /** Writes one gzip member to `output` and answers its length; throws when it does not fit. */
  pack(block: Buffer, output: Buffer): number;
  /** Frees its memory; it must not be used again. */
  close(): void;
}

/** Room for a member of any block of `size` bytes: what cannot be packed is stored, in pieces of at most 64 KiB. */
export function memberBound(size: number): number {
  return size + Math.ceil(size / 5000) * 5 + 64;
}

/** Levels 1 to 12. Throws when the library does not load, or has no memory. */
export function openLibdeflate(file: string, level: number): GzipPacker {
  const { bind } = loadLibrary(file);
  const compress = bind('size_t libdeflate_gzip_compress(void *, const void *, size_t, void *, size_t)');
  const free = bind('void libdeflate_free_compressor(void *)');
  const compressor = bind('void *libdeflate_alloc_compressor(int)')(level);
  if (compressor === null) throw new Error('libdeflate has no memory for a compressor');
  return {
    pack(block, output) {
      const size = Number(compress(compressor, block, block.length, output, output.length));
      if (size > 0) return size;
      throw new Error('libdeflate found its output too small');
    },
    close: () => void free(compressor),
  };
}
