import type { Compression } from './codec.ts';

/** As many first bytes as `detectCompression` looks at; what is shorter than this is judged as it is. */
export const DETECT_BYTES = 10;

const GZIP = Buffer.from('1f8b08', 'hex');
const XZ = Buffer.from('fd377a585a00', 'hex');
const ZSTD = Buffer.from('28b52ffd', 'hex');
const BZIP2 = Buffer.from('425a68', 'hex');
/** What follows bzip2's level digit: the first block, or the end of an empty stream. */
const BZIP2_BLOCKS = [Buffer.from('314159265359', 'hex'), Buffer.from('177245385090', 'hex')];
/** The sixteen magic numbers of skippable frames begin here (RFC 8878, 3.1.2). */
const SKIPPABLE = 0x184d2a50;

/**
 * What the first bytes say, whatever a name or media type claims; `none` for all else, the beginning of a magic that
 * ends there included: no tar is that short, and its reader says so.
 */
export function detectCompression(head: Buffer): Compression {
  if (startsWith(head, GZIP)) return 'gzip';
  if (startsWith(head, ZSTD) || isSkippable(head)) return 'zstd';
  if (startsWith(head, XZ)) return 'xz';
  if (isBzip2(head)) return 'bzip2';
  return 'none';
}

function startsWith(head: Buffer, magic: Buffer): boolean {
  return head.subarray(0, magic.length).equals(magic);
}

function isSkippable(head: Buffer): boolean {
  return head.length >= 8 && head.readUInt32LE(0) >>> 4 === SKIPPABLE >>> 4;
}

/** Three letters alone could be the name of a tar's first file. */
function isBzip2(head: Buffer): boolean {
  if (!startsWith(head, BZIP2)) return false;
  return head.length < DETECT_BYTES || BZIP2_BLOCKS.some((block) => head.subarray(4, 10).equals(block));
}
