import type { ByteSink } from '../compression/codec.ts';
import type { Bytes } from '../system/system.ts';
import { splitPath } from './paths.ts';
import type { EntryType, TarEntry } from './tar-entry.ts';
import { BLOCK_BYTES, FLAG } from './tar-header.ts';

/** What a header says; the time is in whole seconds. */
export type WrittenEntry = Pick<
  TarEntry,
  'name' | 'type' | 'mode' | 'uid' | 'gid' | 'size' | 'mtimeSec' | 'linkname' | 'devMajor' | 'devMinor' | 'xattrs'
>;

/** The largest numbers that octal fields of 8 and 12 bytes hold. */
const MAX_OCTAL_8 = 0o7777777;
const MAX_OCTAL_12 = 0o77777777777;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
const END: Buffer = Buffer.alloc(2 * BLOCK_BYTES);
const ZEROS: Buffer = Buffer.alloc(BLOCK_BYTES);

const FLAGS: Readonly<Record<EntryType, number>> = {
  file: FLAG.file,
  hardlink: FLAG.hardlink,
  symlink: FLAG.symlink,
  char: FLAG.char,
  block: FLAG.block,
  dir: FLAG.dir,
  fifo: FLAG.fifo,
};

/**
 * The header of an entry: ustar (POSIX.1-1988) when everything fits, with one pax header before it when something does
 * not. The same entry always has the same bytes.
 */
export function writeHeader(entry: WrittenEntry, sink: ByteSink): void {
  const records = paxRecords(entry);
  if (records.length > 0) writePaxHeader(entry, records, sink);
  sink(headerBlock(entry, FLAGS[entry.type]));
}

/** Zeros up to the next block after a body of `size` bytes. */
export function writePadding(size: number, sink: ByteSink): void {
  const padding = -size & (BLOCK_BYTES - 1);
  if (padding > 0) sink(ZEROS.subarray(0, padding));
}

/** Two zero blocks. */
export function writeEnd(sink: ByteSink): void {
  sink(END);
}

function paxRecords(entry: WrittenEntry): [key: Bytes, value: Buffer][] {
  const records: [Bytes, Buffer][] = [];
  const text = (key: Bytes, value: Bytes): void => void records.push([key, Buffer.from(value, 'latin1')]);
  if (splitName(entry.name) === null) text('path', entry.name);
  if (!fitsLink(entry.linkname)) text('linkpath', entry.linkname);
  if (entry.size > MAX_OCTAL_12) text('size', String(entry.size));
  if (entry.uid > MAX_OCTAL_8) text('uid', String(entry.uid));
  if (entry.gid > MAX_OCTAL_8) text('gid', String(entry.gid));
  if (entry.mtimeSec < 0 || entry.mtimeSec > MAX_OCTAL_12) text('mtime', String(entry.mtimeSec));
  for (const [key, value] of entry.xattrs ?? []) records.push([`SCHILY.xattr.${key}`, value]);
  return records.sort(([a], [b]) => (a < b ? -1 : 1));
}

function writePaxHeader(entry: WrittenEntry, records: [Bytes, Buffer][], sink: ByteSink): void {
  const body = Buffer.concat(records.map(([key, value]) => paxRecord(key, value)));
  const { dir, base } = splitPath(entry.name.replace(/\/+$/, ''));
  const name = ascii(dir === '' ? `PaxHeaders.0/${base}` : `${dir}/PaxHeaders.0/${base}`).slice(0, NAME_BYTES);
  const about = { name, type: 'file', mode: 0, uid: 0, gid: 0, size: body.length, mtimeSec: 0 } as const;
  sink(headerBlock({ ...about, linkname: '', devMajor: 0, devMinor: 0, xattrs: null }, FLAG.pax));
  sink(body);
  writePadding(body.length, sink);
}

/** `LEN KEY=VALUE\n`, where the length counts its own digits. */
function paxRecord(key: Bytes, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`, 'latin1'), value, Buffer.from('\n')]);
  let length = rest.length + String(rest.length).length;
  if (String(length).length + rest.length !== length) length = rest.length + String(length).length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function headerBlock(entry: WrittenEntry, flag: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  const { name, prefix } = splitName(entry.name) ?? { name: ascii(entry.name).slice(0, NAME_BYTES), prefix: '' };
  block.write(name, 0, 'latin1');
  octal(block, 100, 8, entry.mode & 0o7777);
  octal(block, 108, 8, entry.uid > MAX_OCTAL_8 ? 0 : entry.uid);
  octal(block, 116, 8, entry.gid > MAX_OCTAL_8 ? 0 : entry.gid);
  octal(block, 124, 12, entry.size > MAX_OCTAL_12 ? 0 : entry.size);
  octal(block, 136, 12, entry.mtimeSec < 0 || entry.mtimeSec > MAX_OCTAL_12 ? 0 : entry.mtimeSec);
  block.fill(' ', 148, 156);
  block[156] = flag;
  block.write(fitsLink(entry.linkname) ? entry.linkname : ascii(entry.linkname).slice(0, NAME_BYTES), 157, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  octal(block, 329, 8, entry.devMajor);
  octal(block, 337, 8, entry.devMinor);
  block.write(prefix, 345, 'latin1');
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function octal(block: Buffer, at: number, width: number, value: number): void {
  block.write(value.toString(8).padStart(width - 1, '0'), at, 'latin1');
}

/** A name in its two ustar fields; null when it does not fit, or is not ASCII. */
function splitName(name: Bytes): { name: Bytes; prefix: Bytes } | null {
  if (!isAscii(name)) return null;
  if (name.length <= NAME_BYTES) return { name, prefix: '' };
  const slash = name.lastIndexOf('/', Math.min(PREFIX_BYTES, name.length - 2));
  if (slash <= 0 || name.length - slash - 1 > NAME_BYTES) return null;
  return { name: name.slice(slash + 1), prefix: name.slice(0, slash) };
}

function fitsLink(linkname: Bytes): boolean {
  return linkname.length <= NAME_BYTES && isAscii(linkname);
}

function isAscii(text: Bytes): boolean {
  return /^[\x01-\x7f]*$/.test(text);
}

function ascii(text: Bytes): Bytes {
  return text.replace(/[^\x01-\x7f]/g, '');
}
