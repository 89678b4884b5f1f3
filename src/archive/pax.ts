import type { Bytes } from '../system/system.ts';
import { tarInvalid, tarOverLimit } from './tar-error.ts';
import { findByte, readDecimal, readDigits, readTime, type TarTime } from './tar-fields.ts';

/** What a pax extended header says about the entry after it; null where it says nothing, so the header's word holds. */
export interface PaxRecords {
  path: Bytes | null;
  linkpath: Bytes | null;
  size: number | null;
  uid: number | null;
  gid: number | null;
  mtime: TarTime | null;
  xattrs: Map<Bytes, Buffer> | null;
  sparse: SparseRecords | null;
}

/** The `GNU.sparse.*` records by name without the prefix, and the offsets and lengths of its oldest form in order. */
export interface SparseRecords {
  fields: Map<string, Bytes>;
  pairs: Bytes[];
}

const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;

const XATTR_PREFIX = 'SCHILY.xattr.';
const SPARSE_PREFIX = 'GNU.sparse.';

/** What Linux takes for one extended attribute, and more than any file has of them. */
const XATTR_NAME_BYTES = 255;
const XATTR_VALUE_BYTES = 64 * 1024;
const XATTRS_PER_ENTRY = 1000;

/**
 * Reads the body of a pax header: records `LENGTH KEY=VALUE\n`, LENGTH counting itself. Values are bytes, not text.
 * The last of several records with one key counts; an empty value means what the header says. `offset` is the
 * header's place in the stream, for errors.
 */
export function readPax(bytes: Buffer, start: number, end: number, offset: number): PaxRecords {
  const records: PaxRecords = {
    path: null,
    linkpath: null,
    size: null,
    uid: null,
    gid: null,
    mtime: null,
    xattrs: null,
    sparse: null,
  };
  let at = start;
  while (at < end) {
    const space = findByte(bytes, SPACE, at, end);
    const next = at + recordLength(bytes, at, space, end);
    const equals = findByte(bytes, EQUALS, space + 1, end);
    if (!(next > space + 1 && next <= end && equals < next - 1 && bytes[next - 1] === NEWLINE)) {
      throw tarInvalid('a pax record is malformed', offset);
    }
    const key = bytes.toString('latin1', space + 1, equals);
    if (key === '' || key.includes('\0')) throw tarInvalid('a pax record has an invalid key', offset);
    takeRecord(records, key, bytes, equals + 1, next - 1, offset);
    at = next;
  }
  return records;
}

/** NaN unless a plain decimal number without leading zeros, so that every reader finds the same records. */
function recordLength(bytes: Buffer, start: number, space: number, end: number): number {
  return space === end || bytes[start] === 0x30 ? NaN : readDigits(bytes, start, space);
}

function takeRecord(into: PaxRecords, key: string, bytes: Buffer, start: number, end: number, offset: number): void {
  switch (key) {
    case 'path':
      into.path = readName(key, bytes, start, end, offset);
      return;
    case 'linkpath':
      into.linkpath = readName(key, bytes, start, end, offset);
      return;
    case 'uname':
    case 'gname':
      readName(key, bytes, start, end, offset);
      return;
    case 'size':
      into.size = readInteger(key, bytes, start, end, offset);
      return;
    case 'uid':
      into.uid = readInteger(key, bytes, start, end, offset);
      return;
    case 'gid':
      into.gid = readInteger(key, bytes, start, end, offset);
      return;
    case 'mtime':
      into.mtime = readMoment(key, bytes, start, end, offset);
      return;
    case 'atime':
    case 'ctime':
      readMoment(key, bytes, start, end, offset);
      return;
    default:
      if (key.startsWith(XATTR_PREFIX)) takeXattr(into, key.slice(XATTR_PREFIX.length), bytes, start, end, offset);
      else if (key.startsWith(SPARSE_PREFIX)) {
        takeSparse(into, key.slice(SPARSE_PREFIX.length), bytes.toString('latin1', start, end), offset);
      }
  }
}

function readName(key: string, bytes: Buffer, start: number, end: number, offset: number): Bytes | null {
  if (findByte(bytes, 0, start, end) !== end) throw tarInvalid(`the pax ${key} contains a NUL`, offset);
  return start === end ? null : bytes.toString('latin1', start, end);
}

function readInteger(key: string, bytes: Buffer, start: number, end: number, offset: number): number | null {
  if (start === end) return null;
  const value = readDecimal(bytes, start, end);
  if (Number.isNaN(value)) throw tarInvalid(`the pax ${key} is not a decimal number`, offset);
  return value;
}

function readMoment(key: string, bytes: Buffer, start: number, end: number, offset: number): TarTime | null {
  if (start === end) return null;
  const time = readTime(bytes, start, end);
  if (time === null) throw tarInvalid(`the pax ${key} is not a time in decimal seconds`, offset);
  return time;
}

function takeXattr(into: PaxRecords, name: Bytes, bytes: Buffer, start: number, end: number, offset: number): void {
  if (name === '') throw tarInvalid('an extended attribute has no name', offset);
  if (name.length > XATTR_NAME_BYTES)
    throw tarOverLimit('xattrNameBytes', XATTR_NAME_BYTES, 'name of an extended attribute');
  if (end - start > XATTR_VALUE_BYTES) throw tarOverLimit('xattrBytes', XATTR_VALUE_BYTES, 'an extended attribute');
  into.xattrs ??= new Map();
  into.xattrs.set(name, Buffer.from(bytes.subarray(start, end)));
  if (into.xattrs.size > XATTRS_PER_ENTRY)
    throw tarOverLimit('xattrs', XATTRS_PER_ENTRY, 'extended attributes of one entry');
}

/** The oldest sparse form repeats `offset` and `numbytes` in turn, which no other key may: here order is meaning. */
function takeSparse(into: PaxRecords, key: string, value: Bytes, offset: number): void {
  into.sparse ??= { fields: new Map(), pairs: [] };
  const { fields, pairs } = into.sparse;
  if (key === 'name' && value.includes('\0')) throw tarInvalid('the name of a sparse file contains a NUL', offset);
  if (key !== 'offset' && key !== 'numbytes') {
    fields.set(key, value);
    return;
  }
  const expected = pairs.length % 2 === 0 ? 'offset' : 'numbytes';
  if (key !== expected) throw tarInvalid('the sparse map in a pax header is out of order', offset);
  pairs.push(value);
}
