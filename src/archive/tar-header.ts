import type { Bytes } from '../system/system.ts';
import { tarInvalid } from './tar-error.ts';
import { readNumber, readString } from './tar-fields.ts';

/** Everything in a tar comes in blocks of this many bytes. */
export const BLOCK_BYTES = 512;

/** Which writer's layout the fields after the first 257 bytes have. */
export type HeaderFormat = 'v7' | 'ustar' | 'star' | 'gnu';

/** The type flags of POSIX and GNU, as byte values. */
export const FLAG = {
  nul: 0x00,
  file: 0x30,
  hardlink: 0x31,
  symlink: 0x32,
  char: 0x33,
  block: 0x34,
  dir: 0x35,
  fifo: 0x36,
  contiguous: 0x37,
  longLink: 0x4b,
  longName: 0x4c,
  gnuSparse: 0x53,
  paxGlobal: 0x67,
  pax: 0x78,
} as const;

/** The numbers of one header block; each is what the field says, in or out of range. */
export interface HeaderNumbers {
  format: HeaderFormat;
  flag: number;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtime: number;
  devMajor: number;
  devMinor: number;
}

const CHECKSUM_AT = 148;
const CHECKSUM_WIDTH = 8;

/** The sum of a block's bytes; 0 is the zero block that ends an archive. */
export function sumBlock(bytes: Buffer, at: number): number {
  let sum = 0;
  for (let i = at; i < at + BLOCK_BYTES; i += 8) {
    sum +=
      bytes[i]! +
      bytes[i + 1]! +
      bytes[i + 2]! +
      bytes[i + 3]! +
      bytes[i + 4]! +
      bytes[i + 5]! +
      bytes[i + 6]! +
      bytes[i + 7]!;
  }
  return sum;
}

/** True when the checksum field agrees with `sum`, or with the sum of signed bytes that old Sun tars wrote. */
export function checksumAgrees(bytes: Buffer, at: number, sum: number): boolean {
  const stored = readNumber(bytes, at + CHECKSUM_AT, CHECKSUM_WIDTH);
  let unsigned = sum + CHECKSUM_WIDTH * 0x20;
  for (let i = at + CHECKSUM_AT; i < at + CHECKSUM_AT + CHECKSUM_WIDTH; i += 1) unsigned -= bytes[i]!;
  return stored === unsigned || stored === unsigned - 256 * countHighBytes(bytes, at);
}

function countHighBytes(bytes: Buffer, at: number): number {
  let count = 0;
  for (let i = at; i < at + BLOCK_BYTES; i += 1) {
    const inChecksum = i >= at + CHECKSUM_AT && i < at + CHECKSUM_AT + CHECKSUM_WIDTH;
    if (bytes[i]! > 0x7f && !inChecksum) count += 1;
  }
  return count;
}

/** Decodes a block whose checksum agreed; `offset` is its place in the stream, for errors. */
export function readHeader(bytes: Buffer, at: number, offset: number): HeaderNumbers {
  const format = formatOf(bytes, at);
  const hasDevice = format !== 'v7';
  if (format === 'star') {
    number('atime', bytes, at + 476, 12, offset);
    number('ctime', bytes, at + 488, 12, offset);
  }
  return {
    format,
    flag: bytes[at + 156]!,
    mode: number('mode', bytes, at + 100, 8, offset),
    uid: number('uid', bytes, at + 108, 8, offset),
    gid: number('gid', bytes, at + 116, 8, offset),
    size: number('size', bytes, at + 124, 12, offset),
    mtime: number('mtime', bytes, at + 136, 12, offset),
    devMajor: hasDevice ? number('devmajor', bytes, at + 329, 8, offset) : 0,
    devMinor: hasDevice ? number('devminor', bytes, at + 337, 8, offset) : 0,
  };
}

function number(field: string, bytes: Buffer, start: number, width: number, offset: number): number {
  const value = readNumber(bytes, start, width);
  if (Number.isNaN(value)) throw tarInvalid(`the ${field} field is not a number`, offset);
  return value;
}

function formatOf(bytes: Buffer, at: number): HeaderFormat {
  if (!hasText(bytes, at + 257, 'ustar')) return 'v7';
  if (bytes[at + 262] === 0) return hasText(bytes, at + 508, 'tar\0') ? 'star' : 'ustar';
  return hasText(bytes, at + 262, '  \0') ? 'gnu' : 'v7';
}

function hasText(bytes: Buffer, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i += 1) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** The name in a header: the field, with the format's prefix before it. */
export function headerName(bytes: Buffer, at: number, format: HeaderFormat): Bytes {
  const name = readString(bytes, at, 100);
  const prefix = bytes[at + 345] === 0 ? '' : headerPrefix(bytes, at, format);
  return prefix === '' ? name : `${prefix}/${name}`;
}

export function headerLinkname(bytes: Buffer, at: number): Bytes {
  return bytes[at + 157] === 0 ? '' : readString(bytes, at + 157, 100);
}

function headerPrefix(bytes: Buffer, at: number, format: HeaderFormat): Bytes {
  switch (format) {
    case 'v7':
      return '';
    case 'ustar':
      return readString(bytes, at + 345, 155);
    case 'star':
      return readString(bytes, at + 345, 131);
    case 'gnu':
      return gnuPrefix(bytes, at);
  }
}

/**
 * GNU headers have times where ustar has the prefix; but Go before 1.8 wrote a prefix there. It is one when the times
 * are not numbers and the text is ASCII.
 */
function gnuPrefix(bytes: Buffer, at: number): Bytes {
  const atime = readNumber(bytes, at + 345, 12);
  const ctime = bytes[at + 357] === 0 ? 0 : readNumber(bytes, at + 357, 12);
  if (!Number.isNaN(atime) && !Number.isNaN(ctime)) return '';
  const prefix = readString(bytes, at + 345, 155);
  return /^[\x01-\x7f]*$/.test(prefix) ? prefix : '';
}
