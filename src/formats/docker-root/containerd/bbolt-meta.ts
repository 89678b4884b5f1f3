import { engineError } from '../../../errors/kinds.ts';
import type { EngineError } from '../../../errors/engine-error.ts';

/** Where the tree of a bbolt database begins, as of its last transaction. */
export interface BoltMeta {
  /** Bytes. */
  pageSize: number;
  /** The page of the root bucket. */
  root: bigint;
  /** Ids of pages are below it. */
  highWater: bigint;
  transaction: bigint;
}

/** Bytes before the elements of a page: id u64, flags u16, count u16, overflow u32, little endian like everything. */
export const PAGE_HEADER = 16;

const MAGIC = 0xed0cdaed;
const VERSION = 2;
const META_FLAG = 0x04;
/** Bytes of a meta record that its checksum covers. */
const SUMMED = 56;
const META_BYTES = PAGE_HEADER + SUMMED + 8;

/** bbolt takes the page size of the machine that made the file. */
const PAGE_SIZES = [1024, 2048, 4096, 8192, 16384, 32768, 65536] as const;

/** Both meta pages are within this many bytes from the beginning, whatever the page size is. */
export const METAS_WITHIN: number = 65536 + META_BYTES;

/**
 * The newer of the two meta pages that is whole; they are written in turn, so that a torn one leaves the other.
 * `head` is the beginning of the file, `METAS_WITHIN` bytes of it if it has them. Throws ARCHIVE_INVALID.
 */
export function newestMeta(head: Buffer, file: string): BoltMeta {
  const metas = [readMeta(head, 0), ...PAGE_SIZES.map((size) => readMeta(head, size))];
  const [newest] = metas
    .filter((meta) => meta !== null)
    .toSorted((a, b) => Number(BigInt.asIntN(64, b.transaction - a.transaction)));
  if (newest === undefined) throw boltInvalid(file, 'neither of its meta pages is whole');
  return newest;
}

export function boltInvalid(file: string, problem: string): EngineError {
  const message = `${JSON.stringify(file)} is no usable bbolt database: ${problem}; take it from a backup, or read the daemon's images through the daemon`;
  return engineError('ARCHIVE_INVALID', message, { member: file });
}

/** The meta page at an offset: the first page, or the second of a file with pages of that size; null when it is none. */
function readMeta(head: Buffer, offset: number): BoltMeta | null {
  if (head.length < offset + META_BYTES) return null;
  const page = head.subarray(offset, offset + META_BYTES);
  if ((page.readUInt16LE(8) & META_FLAG) === 0) return null;
  const meta = page.subarray(PAGE_HEADER);
  const pageSize = meta.readUInt32LE(8);
  if (meta.readUInt32LE(0) !== MAGIC || meta.readUInt32LE(4) !== VERSION) return null;
  if (offset === 0 ? !PAGE_SIZES.some((size) => size === pageSize) : pageSize !== offset) return null;
  if (meta.readBigUInt64LE(SUMMED) !== fnv1a(meta.subarray(0, SUMMED))) return null;
  return {
    pageSize,
    root: meta.readBigUInt64LE(16),
    highWater: meta.readBigUInt64LE(40),
    transaction: meta.readBigUInt64LE(48),
  };
}

/** The 64-bit FNV-1a hash (draft-eastlake-fnv). */
export function fnv1a(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}
