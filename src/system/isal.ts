import { loadLibrary } from './native-library.ts';

/** The struct below is that of this soname (2.24 to 2.31). */
export const ISAL = 'libisal.so.2';

/** `struct isal_zstream`: its size, and the offsets of what is set or read. */
const STREAM_BYTES = 82_384;
const NEXT_IN = 0;
const AVAIL_IN = 8;
const NEXT_OUT = 16;
const AVAIL_OUT = 24;
const LEVEL = 40;
const LEVEL_BUF_SIZE = 44;
const LEVEL_BUF = 48;
const FLUSH = 58;

const FULL_FLUSH = 2;
/** ISAL_DEF_LVL0_DEFAULT to ISAL_DEF_LVL3_DEFAULT: the memory that a level works with. */
const LEVEL_BYTES = [0, 282_624, 331_776, 348_160] as const;

/** Packs whole blocks; for one thread. Its memory (at most 430 KB) is the collector's. */
export interface DeflatePacker {
  /**
   * Writes raw deflate that ends on a byte, without a final block, and refers to nothing before it; answers its length.
   * Throws when it does not fit.
   */
  pack(block: Buffer, output: Buffer): number;
}

/** Room for any block of `size` bytes: what cannot be packed is stored, in pieces of at most 64 KiB. */
export function deflateBound(size: number): number {
  return size + (Math.ceil(size / 65_535) + 1) * 5 + 64;
}

/** Levels 0 to 3. Throws when the library does not load. */
export function openIsal(file: string, level: number): DeflatePacker {
  const { bind, address } = loadLibrary(file);
  const init = bind('void isal_deflate_stateless_init(void *)');
  const deflate = bind('int isal_deflate_stateless(void *)');
  const stream = Buffer.alloc(STREAM_BYTES);
  const work = Buffer.alloc(LEVEL_BYTES[level] ?? 0);
  const workAddress = work.length === 0 ? 0n : address(work);
  return {
    pack(block, output) {
      init(stream);
      stream.writeUInt32LE(level, LEVEL);
      stream.writeUInt32LE(work.length, LEVEL_BUF_SIZE);
      stream.writeBigUInt64LE(workAddress, LEVEL_BUF);
      stream.writeUInt16LE(FULL_FLUSH, FLUSH);
      stream.writeBigUInt64LE(address(block), NEXT_IN);
      stream.writeUInt32LE(block.length, AVAIL_IN);
      stream.writeBigUInt64LE(address(output), NEXT_OUT);
      stream.writeUInt32LE(output.length, AVAIL_OUT);
      const result = Number(deflate(stream));
      if (result === 0 && stream.readUInt32LE(AVAIL_IN) === 0) return output.length - stream.readUInt32LE(AVAIL_OUT);
      throw new Error(`isal_deflate_stateless answered ${result}`);
    },
  };
}
