/**
 * Tars made by hand, well-formed or not: every function answers the bytes of one piece, `tar` joins pieces and ends
 * them with two zero blocks. Names are byte strings (latin1). Deliberately not the writer under test.
 */

/** A number is written in octal or, when it does not fit, in base-256; text or bytes go into the field as they are. */
export type Field = number | string | Buffer;

export interface HeaderFields {
  mode?: Field;
  uid?: Field;
  gid?: Field;
  /** What the size field claims; the length of the body when absent. */
  size?: Field;
  mtime?: Field;
  type?: string;
  linkname?: string;
  magic?: 'ustar' | 'gnu' | 'v7' | 'star';
  uname?: string;
  gname?: string;
  devMajor?: Field;
  devMinor?: Field;
  prefix?: string;
  /** Bytes laid over the finished header before the checksum is computed. */
  patch?: { at: number; bytes: Buffer | string }[];
  /** `signed`, or what the field holds. */
  checksum?: Field;
}

export interface EntryFields extends HeaderFields {
  /** Records of a pax header before the entry. */
  pax?: PaxFields;
  /** Names in GNU headers before the entry. */
  longName?: string;
  longLink?: string;
  /** Padding after the body; zeros up to the next block when absent. */
  padding?: Buffer;
}

export type PaxFields = Record<string, string | Buffer> | [string, string | Buffer][];

const MAGIC = { ustar: 'ustar\x0000', gnu: 'ustar  \0', v7: '', star: 'ustar\x0000' };

export function tar(pieces: Buffer[], endBlocks = 2): Buffer {
  return Buffer.concat([...pieces, zeros(endBlocks)]);
}

export function zeros(blocks: number): Buffer {
  return Buffer.alloc(512 * blocks);
}

export function header(name: string, fields: HeaderFields = {}): Buffer {
  const block = Buffer.alloc(512);
  const magic = fields.magic ?? 'ustar';
  block.write(name, 0, 100, 'latin1');
  put(block, 100, 8, fields.mode ?? 0o644);
  put(block, 108, 8, fields.uid ?? 0);
  put(block, 116, 8, fields.gid ?? 0);
  put(block, 124, 12, fields.size ?? 0);
  put(block, 136, 12, fields.mtime ?? 1);
  block.write(fields.type ?? '0', 156, 1, 'latin1');
  block.write(fields.linkname ?? '', 157, 100, 'latin1');
  block.write(MAGIC[magic], 257, 8, 'latin1');
  if (magic !== 'v7') {
    block.write(fields.uname ?? '', 265, 32, 'latin1');
    block.write(fields.gname ?? '', 297, 32, 'latin1');
    put(block, 329, 8, fields.devMajor ?? 0);
    put(block, 337, 8, fields.devMinor ?? 0);
    block.write(fields.prefix ?? '', 345, 155, 'latin1');
  }
  if (magic === 'star') block.write('tar\0', 508, 4, 'latin1');
  for (const { at, bytes } of fields.patch ?? []) Buffer.from(bytes as string, 'latin1').copy(block, at);
  putChecksum(block, fields.checksum);
  return block;
}

function put(block: Buffer, at: number, width: number, field: Field): void {
  if (typeof field !== 'number') {
    block.fill(0, at, at + width);
    Buffer.from(field as string, 'latin1').copy(block, at, 0, width);
    return;
  }
  const octal = field >= 0 ? field.toString(8) : '';
  if (octal !== '' && octal.length < width) block.write(`${octal.padStart(width - 1, '0')}\0`, at, 'latin1');
  else base256(field, width).copy(block, at);
}

/** The field that GNU tar writes where octal is too short. */
export function base256(value: number | bigint, width: number): Buffer {
  const field = Buffer.alloc(width);
  let rest = BigInt(value);
  for (let i = width - 1; i >= 0; i -= 1, rest >>= 8n) field[i] = Number(rest & 0xffn);
  field[0]! |= 0x80;
  return field;
}

function putChecksum(block: Buffer, checksum: HeaderFields['checksum']): void {
  if (checksum !== undefined && checksum !== 'signed') return put(block, 148, 8, checksum);
  block.fill(' ', 148, 156);
  let sum = 0;
  for (const byte of block) sum += checksum === 'signed' && byte > 127 ? byte - 256 : byte;
  block.write(`${(sum & 0o777777).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}

/** A header and its body, with the extension headers that the fields ask for before it. */
export function entry(name: string, data: string | Buffer, fields: EntryFields = {}): Buffer {
  const body = bytesOf(data);
  const pieces: Buffer[] = [];
  if (fields.pax !== undefined) pieces.push(pax(fields.pax));
  if (fields.longName !== undefined) pieces.push(longName(fields.longName));
  if (fields.longLink !== undefined) pieces.push(longLink(fields.longLink));
  pieces.push(header(name, { size: body.length, ...fields }), body);
  pieces.push(fields.padding ?? Buffer.alloc(-body.length & 511));
  return Buffer.concat(pieces);
}

export function file(name: string, data: string | Buffer = '', fields: EntryFields = {}): Buffer {
  return entry(name, data, { type: '0', ...fields });
}

export function dir(name: string, fields: EntryFields = {}): Buffer {
  return entry(name, '', { type: '5', mode: 0o755, ...fields });
}

export function symlink(name: string, linkname: string, fields: EntryFields = {}): Buffer {
  return entry(name, '', { type: '2', mode: 0o777, linkname, ...fields });
}

export function hardlink(name: string, linkname: string, fields: EntryFields = {}): Buffer {
  return entry(name, '', { type: '1', linkname, ...fields });
}

export function device(
  type: 'char' | 'block',
  name: string,
  devMajor: Field,
  devMinor: Field,
  fields: EntryFields = {},
): Buffer {
  return entry(name, '', { type: type === 'char' ? '3' : '4', devMajor, devMinor, ...fields });
}

export function fifo(name: string, fields: EntryFields = {}): Buffer {
  return entry(name, '', { type: '6', ...fields });
}

/** A pax header for the next entry. */
export function pax(records: PaxFields, fields: HeaderFields = {}): Buffer {
  return entry('PaxHeaders.0/x', paxBody(records), { type: 'x', ...fields });
}

/** A global pax header. */
export function paxGlobal(records: PaxFields, name = 'pax_global_header'): Buffer {
  return entry(name, paxBody(records), { type: 'g' });
}

export function paxBody(records: PaxFields): Buffer {
  const pairs = Array.isArray(records) ? records : Object.entries(records);
  return Buffer.concat(pairs.map(([key, value]) => paxRecord(key, value)));
}

export function paxRecord(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`, 'latin1'), bytesOf(value), Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length += 1;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** A GNU long-name header for the next entry, its name ended by a NUL. */
export function longName(name: string): Buffer {
  return entry('././@LongLink', `${name}\0`, { type: 'L', magic: 'gnu' });
}

export function longLink(name: string): Buffer {
  return entry('././@LongLink', `${name}\0`, { type: 'K', magic: 'gnu' });
}

function bytesOf(data: string | Buffer): Buffer {
  return typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
}
