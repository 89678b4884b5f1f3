import { gzipSync } from 'node:zlib';
import { Crc64 } from '../../src/compression/crc64.ts';

/** What tar-split makes of a tar: packed JSON lines, and the bodies of the files by their names. */
export interface SplitTar {
  packed: Buffer;
  files: Map<string, Buffer>;
}

/** Pieces of the tail are no longer than this. */
const TAIL_BYTES = 1024 * 1024;
const META = { x: true, g: true, L: true, K: true } as Record<string, true>;

/**
 * Takes a well-formed tar apart as tar-split does, for fixtures. Answers null where it refuses: for a name that comes
 * twice.
 */
export function splitTar(tar: Buffer): SplitTar | null {
  const lines: object[] = [];
  const files = new Map<string, Buffer>();
  const names = new Set<string>();
  const segment = (from: number, to: number): void => {
    if (from < to) lines.push({ type: 2, payload: tar.toString('base64', from, to), position: lines.length });
  };
  let from = 0;
  let at = 0;
  let named: string | null = null;
  while (at + 512 <= tar.length && tar.subarray(at, at + 512).some((byte) => byte !== 0)) {
    const header = tar.subarray(at, at + 512);
    const type = header.toString('latin1', 156, 157);
    const size = /[0-7]+/.exec(header.toString('latin1', 124, 136))![0];
    const body = tar.subarray(at + 512, at + 512 + Number.parseInt(size, 8));
    const next = at + 512 + Math.ceil(body.length / 512) * 512;
    if (META[type] === true) {
      named = longName(type, body) ?? named;
      at = next;
      continue;
    }
    const name = named ?? plainName(header);
    named = null;
    const clean = name.replace(/\/+$/, '');
    if (names.has(clean)) return null;
    names.add(clean);
    segment(from, at + 512);
    lines.push({ type: 1, ...nameFields(name), ...fileFields(body), position: lines.length });
    if (body.length > 0) files.set(clean, body);
    from = at + 512 + body.length;
    at = next;
  }
  for (; from < tar.length; from += TAIL_BYTES) segment(from, Math.min(tar.length, from + TAIL_BYTES));
  return { packed: gzipSync(lines.map((line) => `${JSON.stringify(line)}\n`).join('')), files };
}

export function crcText(body: Buffer): string {
  const crc = new Crc64();
  crc.update(body, 0, body.length);
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(crc.high, 0);
  bytes.writeUInt32BE(crc.low, 4);
  return bytes.toString('base64');
}

function longName(type: string, body: Buffer): string | null {
  if (type === 'L') return body.toString('latin1').replace(/\0.*$/, '');
  if (type !== 'x') return null;
  return /(?:^|\n)\d+ (?:GNU\.sparse\.name|path)=([^\n]*)\n/.exec(body.toString('latin1'))?.[1] ?? null;
}

function plainName(header: Buffer): string {
  const text = (start: number, end: number): string => header.toString('latin1', start, end).replace(/\0.*$/, '');
  const prefix = header.toString('latin1', 257, 263) === 'ustar\0' ? text(345, 500) : '';
  return prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`;
}

function nameFields(name: string): object {
  const bytes = Buffer.from(name, 'latin1');
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes) ? { name: text } : { name_raw: bytes.toString('base64') };
}

function fileFields(body: Buffer): object {
  return body.length === 0 ? { payload: null } : { size: body.length, payload: crcText(body) };
}
