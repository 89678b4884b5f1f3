import type { Bytes } from '../system/system.ts';

const NUL = 0;
const SPACE = 0x20;
const ZERO = 0x30;
const PLUS = 0x2b;
const MINUS = 0x2d;
const DOT = 0x2e;
const MAX_INT64 = 2 ** 63;

/** Where `byte` first is in a range; `end` when it is not. */
export function findByte(bytes: Buffer, byte: number, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] !== byte) at += 1;
  return at;
}

/** The bytes of a field up to its first NUL, or all of it. */
export function readString(bytes: Buffer, start: number, width: number): Bytes {
  const end = findByte(bytes, NUL, start, start + width);
  return end === start ? '' : bytes.toString('latin1', start, end);
}

/**
 * A numeric header field: octal digits between spaces and NULs, or base-256 when the top bit is set. NaN when it is
 * neither, or does not fit in 64 bits; beyond 2^53 the result is rounded.
 */
export function readNumber(bytes: Buffer, start: number, width: number): number {
  return bytes[start]! & 0x80 ? readBase256(bytes, start, width) : readOctal(bytes, start, start + width);
}

/** An empty field is 0; what follows a NUL is ignored, a space may only be followed by more padding. */
function readOctal(bytes: Buffer, start: number, limit: number): number {
  let at = start;
  while (at < limit && isPadding(bytes[at]!)) at += 1;
  let value = 0;
  for (; at < limit; at += 1) {
    const digit = bytes[at]! - ZERO;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  if (at === limit || bytes[at] === NUL) return value;
  while (at < limit && isPadding(bytes[at]!)) at += 1;
  return at === limit ? value : NaN;
}

function isPadding(byte: number): boolean {
  return byte === NUL || byte === SPACE;
}

/** Two's complement, big-endian; the top bit only marks the form, the next one is the sign. */
function readBase256(bytes: Buffer, start: number, width: number): number {
  const invert = bytes[start]! & 0x40 ? 0xff : 0;
  let value = (bytes[start]! ^ invert) & 0x7f;
  for (let at = start + 1; at < start + width; at += 1) value = value * 256 + (bytes[at]! ^ invert);
  if (value >= MAX_INT64) return NaN;
  return invert === 0 ? value : -value - 1;
}

/** A whole decimal number with an optional sign; NaN when it is anything else or does not fit in 64 bits. */
export function readDecimal(bytes: Buffer, start: number, end: number): number {
  const sign = bytes[start];
  const first = start < end && (sign === MINUS || sign === PLUS) ? start + 1 : start;
  const value = readDigits(bytes, first, end);
  return sign === MINUS && first > start ? 0 - value : value;
}

/** As `readDecimal`, without any sign. */
export function readDigits(bytes: Buffer, start: number, end: number): number {
  if (start >= end) return NaN;
  let value = 0;
  for (let at = start; at < end; at += 1) {
    const digit = bytes[at]! - ZERO;
    if (digit < 0 || digit > 9) return NaN;
    value = value * 10 + digit;
  }
  return value < MAX_INT64 ? value : NaN;
}

/** A point in time: `nsec` is 0 to 999,999,999 and counts forward, also before the epoch. */
export interface TarTime {
  sec: number;
  nsec: number;
}

/** Decimal seconds with any number of fraction digits, those past the ninth cut off; null when malformed. */
export function readTime(bytes: Buffer, start: number, end: number): TarTime | null {
  const point = findByte(bytes, DOT, start, end);
  const sec = readDecimal(bytes, start, point);
  const nsec = readFraction(bytes, point + 1, end);
  if (Number.isNaN(sec) || Number.isNaN(nsec)) return null;
  if (bytes[start] !== MINUS || nsec === 0) return { sec, nsec };
  return { sec: sec - 1, nsec: 1_000_000_000 - nsec };
}

function readFraction(bytes: Buffer, start: number, end: number): number {
  let value = 0;
  let unit = 100_000_000;
  for (let at = start; at < end; at += 1) {
    const digit = bytes[at]! - ZERO;
    if (digit < 0 || digit > 9) return NaN;
    value += digit * unit;
    unit = Math.floor(unit / 10);
  }
  return value;
}
