import type { ByteSink } from '../compression/codec.ts';
import type { Bytes } from '../system/system.ts';
import type { EntryType, TarEntry } from './tar-entry.ts';
import { BLOCK_BYTES, FLAG, sumBlock } from './tar-header.ts';

/** What a header says. The time is in whole seconds, as every writer of layers has it; a directory's name ends in `/`. */
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

type PaxRecord = readonly [key: Bytes, value: Buffer];

/**
 * The header of an entry, byte for byte as Go's archive/tar writes it: ustar when everything fits, with a pax header
 * before it that holds only what does not. The same entry always has the same bytes.
 */
export function writeHeader(entry: WrittenEntry, sink: ByteSink): void {
  const records = paxRecords(entry);
  const split = records.length === 0 ? splitName(entry.name) : null;
  if (records.length > 0) writePaxHeader(entry.name, records, sink);
  sink(headerBlock(split?.name ?? cutName(entry.name), split?.prefix ?? '', FLAGS[entry.type], entry));
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

function paxRecords(entry: WrittenEntry): PaxRecord[] {
  const needed: [Bytes, Bytes][] = [];
  if (entry.size > MAX_OCTAL_12) needed.push(['size', String(entry.size)]);
  if (entry.uid > MAX_OCTAL_8) needed.push(['uid', String(entry.uid)]);
  if (entry.gid > MAX_OCTAL_8) needed.push(['gid', String(entry.gid)]);
  if (entry.mtimeSec < 0 || entry.mtimeSec > MAX_OCTAL_12) needed.push(['mtime', String(entry.mtimeSec)]);
  if (!fits(entry.linkname)) needed.push(['linkpath', entry.linkname]);
  // A name that could be split is only split in a header that stands alone.
  const alone = needed.length === 0 && (entry.xattrs === null || entry.xattrs.size === 0);
  if (!fits(entry.name) && !(alone && splitName(entry.name) !== null)) needed.push(['path', entry.name]);
  const records: PaxRecord[] = needed.map(([key, value]) => [key, Buffer.from(value, 'latin1')]);
  for (const [key, value] of entry.xattrs ?? []) records.push([`SCHILY.xattr.${key}`, value]);
  return records.sort(([a], [b]) => (a < b ? -1 : 1));
}

function writePaxHeader(name: Bytes, records: PaxRecord[], sink: ByteSink): void {
  const body = Buffer.concat(records.map(encodeRecord));
  const slash = name.lastIndexOf('/') + 1;
  const base = slash === name.length ? '' : `/${name.slice(slash)}`;
  const shown = ascii(`${name.slice(0, slash)}PaxHeaders.0${base}`)
    .slice(0, NAME_BYTES)
    .replace(/\/+$/, '');
  const about = {
    mode: 0,
    uid: 0,
    gid: 0,
    size: body.length,
    mtimeSec: 0,
    linkname: '',
    devMajor: null,
    devMinor: null,
  };
  sink(headerBlock(shown, '', FLAG.pax, about));
  sink(body);
  writePadding(body.length, sink);
}

/** `LENGTH KEY=VALUE\n`, where the length counts its own digits. */
function encodeRecord([key, value]: PaxRecord): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`, 'latin1'), value, Buffer.from('\n')]);
  const short = rest.length + String(rest.length).length;
  const length = rest.length + String(short).length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

interface HeaderFields extends Pick<WrittenEntry, 'mode' | 'uid' | 'gid' | 'size' | 'mtimeSec' | 'linkname'> {
  /** Null leaves the field empty. */
  devMajor: number | null;
  devMinor: number | null;
}

function headerBlock(name: Bytes, prefix: Bytes, flag: number, fields: HeaderFields): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  block.write(name, 0, 'latin1');
  octal(block, 100, 8, fields.mode & 0o7777);
  octal(block, 108, 8, fields.uid);
  octal(block, 116, 8, fields.gid);
  octal(block, 124, 12, fields.size);
  octal(block, 136, 12, fields.mtimeSec);
  block.fill(' ', 148, 156);
  block[156] = flag;
  block.write(ascii(fields.linkname).slice(0, NAME_BYTES), 157, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  if (fields.devMajor !== null) octal(block, 329, 8, fields.devMajor);
  if (fields.devMinor !== null) octal(block, 337, 8, fields.devMinor);
  block.write(prefix, 345, 'latin1');
  block.write(`${sumBlock(block, 0).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** What does not fit is zero here and right in the pax header. */
function octal(block: Buffer, at: number, width: number, value: number): void {
  const max = width === 8 ? MAX_OCTAL_8 : MAX_OCTAL_12;
  const written = value < 0 || value > max ? 0 : value;
  block.write(written.toString(8).padStart(width - 1, '0'), at, 'latin1');
}

/** The two ustar fields of a long name; null when it does not fit in them. */
function splitName(name: Bytes): { name: Bytes; prefix: Bytes } | null {
  if (fits(name) || !isAscii(name)) return null;
  const slash = name.lastIndexOf('/', Math.min(PREFIX_BYTES, name.length - 2));
  if (slash <= 0 || name.length - slash - 1 > NAME_BYTES) return null;
  return { name: name.slice(slash + 1), prefix: name.slice(0, slash) };
}

/** As much of a name as the field holds; a file must not end in a slash there, old readers would make it a directory. */
function cutName(name: Bytes): Bytes {
  const short = ascii(name);
  return short.length <= NAME_BYTES ? short : short.slice(0, NAME_BYTES).replace(/\/+$/, '');
}

function fits(text: Bytes): boolean {
  return text.length <= NAME_BYTES && isAscii(text);
}

function isAscii(text: Bytes): boolean {
  return /^[\x01-\x7f]*$/.test(text);
}

function ascii(text: Bytes): Bytes {
  return isAscii(text) ? text : text.replace(/[^\x01-\x7f]/g, '');
}
