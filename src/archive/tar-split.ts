import { decoderFor } from '../compression/codecs.ts';
import { engineError } from '../errors/kinds.ts';
import type { EngineError } from '../errors/engine-error.ts';
import { readBlob } from '../streams/read-blob.ts';
import type { Bytes } from '../system/system.ts';
import { expansionLimits, type LayerLimits } from './limits.ts';
import { shownName } from './shown-name.ts';
import { tarOverLimit } from './tar-error.ts';

/** What a record of tar-split tells, in the order of the tar. */
export interface TarSplitVisitor {
  /** Bytes of the tar itself: headers, padding, the end. Only valid during the call. */
  segment(bytes: Buffer): void;
  /**
   * The body of a file: `path` is cleaned and lies below the root, `size` is above zero, `crcHigh` and `crcLow` are the
   * halves of the CRC-64/ISO of the body.
   */
  file(path: Bytes, size: number, crcHigh: number, crcLow: number): void;
}

const SEGMENT_START = '{"type":2,"payload":"';
const NEWLINE = 0x0a;
const NOTHING = Buffer.alloc(0);

/**
 * Reads what Docker (`tar-data.json.gz`, `tar-split.json.gz`) and containers/storage (`<id>.tar-split.gz`) keep of a
 * layer's tar beside its files, in the format of github.com/vbatts/tar-split: packed JSON objects, one a line, with `type`
 * (1 a file, 2 a segment), `name` or `name_raw` (base64), `size`, `payload` (base64: bytes, or the CRC of the file) and
 * `position` counting from 0. Throws TAR_SPLIT_INVALID, ENTRY_OUTSIDE_ROOT, COMPRESSION_INVALID or LIMIT_EXCEEDED.
 */
export function readTarSplit(path: string, limits: LayerLimits, visitor: TarSplitVisitor): void {
  const lines = new TarSplitLines(path, limits, visitor);
  const decoder = decoderFor('gzip', (chunk) => lines.write(chunk), expansionLimits(limits));
  readBlob({ path }, (chunk) => decoder.write(chunk));
  decoder.end();
  lines.end();
}

interface Line {
  type?: unknown;
  name?: unknown;
  name_raw?: unknown;
  size?: unknown;
  payload?: unknown;
  position?: unknown;
}

class TarSplitLines {
  readonly #path: string;
  readonly #limits: LayerLimits;
  readonly #visitor: TarSplitVisitor;
  readonly #lineBytes: number;
  #rest: Buffer = NOTHING;
  #bytes: Buffer = Buffer.allocUnsafe(64 * 1024);
  #position = 0;
  #files = 0;

  constructor(path: string, limits: LayerLimits, visitor: TarSplitVisitor) {
    this.#path = path;
    this.#limits = limits;
    this.#visitor = visitor;
    // A segment has the headers of one entry, a few of them as large as they may be, in base64.
    this.#lineBytes = 4 * limits.metaBytes + 1024 * 1024;
  }

  write(chunk: Buffer): void {
    let at = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, at)) {
      if (this.#rest.length === 0) this.#line(chunk, at, end);
      else this.#finishRest(chunk.subarray(0, end));
      at = end + 1;
    }
    if (at === chunk.length) return;
    this.#rest = Buffer.concat([this.#rest, chunk.subarray(at)]);
    if (this.#rest.length > this.#lineBytes) {
      throw tarOverLimit('metaBytes', this.#limits.metaBytes, `line ${this.#position + 1} of ${this.#path}`);
    }
  }

  end(): void {
    if (this.#rest.length > 0) this.#finishRest(NOTHING);
    if (this.#position === 0) throw this.#invalid('it is empty');
  }

  #finishRest(tail: Buffer): void {
    const whole = Buffer.concat([this.#rest, tail]);
    this.#rest = NOTHING;
    this.#line(whole, 0, whole.length);
  }

  #line(chunk: Buffer, start: number, end: number): void {
    const text = chunk.toString('latin1', start, end);
    // Nearly all bytes are segments, written in just this way: no parser is needed for them.
    const quote = text.startsWith(SEGMENT_START) ? text.indexOf('"', SEGMENT_START.length) : -1;
    if (quote > 0 && text.slice(quote) === `","position":${this.#position}}`) {
      this.#segment(text.slice(SEGMENT_START.length, quote));
    } else {
      this.#parsed(this.#parse(chunk.toString('utf8', start, end)));
    }
    this.#position += 1;
  }

  #parse(text: string): Line {
    let line: unknown;
    try {
      line = JSON.parse(text);
    } catch (error) {
      throw this.#invalid('it is not JSON', error);
    }
    if (typeof line !== 'object' || line === null) throw this.#invalid('it is no object');
    return line;
  }

  #parsed(line: Line): void {
    if (line.position !== this.#position) throw this.#invalid('its position is not the next one');
    if (line.type === 2) this.#segment(this.#text(line.payload ?? '', 'payload'));
    else if (line.type === 1) this.#file(line);
    else throw this.#invalid('its type is unknown');
  }

  #segment(payload: string): void {
    const size = this.#decode(payload);
    if (size > 0) this.#visitor.segment(this.#bytes.subarray(0, size));
  }

  #file(line: Line): void {
    const { size = 0 } = line;
    if (!Number.isSafeInteger(size) || (size as number) < 0) throw this.#invalid('its size is no number of bytes');
    this.#files += 1;
    if (this.#files > this.#limits.entries) throw tarOverLimit('entries', this.#limits.entries, 'the layer has more');
    const path = this.#clean(this.#name(line));
    if (size === 0) return;
    if (this.#decode(this.#text(line.payload, 'payload')) !== 8) throw this.#invalid('its checksum has not 8 bytes');
    const high = this.#bytes.readUInt32BE(0);
    const low = this.#bytes.readUInt32BE(4);
    // The checksum of nothing: a directory or link whose header claims a size has no body all the same.
    if (high !== 0 || low !== 0) this.#visitor.file(path, size as number, high, low);
  }

  #name(line: Line): Bytes {
    if (line.name_raw !== undefined && line.name_raw !== null) {
      const size = this.#decode(this.#text(line.name_raw, 'name_raw'));
      return this.#bytes.toString('latin1', 0, size);
    }
    const name = this.#text(line.name, 'name');
    return /^[ -~]*$/.test(name) ? name : Buffer.from(name).toString('latin1');
  }

  /** Without `.` and `..`; Go joins cleaned names, so a name with a leading slash is below the root too. */
  #clean(name: Bytes): Bytes {
    if (name.length > this.#limits.pathBytes) throw tarOverLimit('pathBytes', this.#limits.pathBytes, 'a name', name);
    if (name.includes('\0')) throw this.#invalid('its name has a NUL in it');
    if (!/(?:^|\/)\.{0,2}(?:\/|$)/.test(name)) return name;
    const parts: Bytes[] = [];
    for (const part of name.split('/')) {
      if (part === '..' && parts.pop() === undefined) throw this.#outside(name);
      if (part !== '' && part !== '.' && part !== '..') parts.push(part);
    }
    return parts.join('/');
  }

  #text(value: unknown, key: string): string {
    if (typeof value === 'string') return value;
    throw this.#invalid(`its ${key} is no text`);
  }

  /** Answers how many bytes of `#bytes` the text became. */
  #decode(text: string): number {
    const size = base64Size(text);
    if (this.#bytes.length < size) this.#bytes = Buffer.allocUnsafe(2 * size);
    // What is no base64 is skipped by the decoder, and then bytes are missing.
    if (size < 0 || this.#bytes.write(text, 'base64') !== size) throw this.#invalid('it has malformed base64');
    return size;
  }

  #outside(name: Bytes): EngineError {
    const entry = shownName(name);
    const message = `${JSON.stringify(this.#path)} names "${entry}", which is not below the layer's root`;
    return engineError('ENTRY_OUTSIDE_ROOT', `${message}; the data directory was tampered with`, { entry });
  }

  #invalid(why: string, cause?: unknown): EngineError {
    const line = this.#position + 1;
    const message = `line ${line} of ${JSON.stringify(this.#path)} is damaged: ${why}; pull or load the image again`;
    return engineError('TAR_SPLIT_INVALID', message, { path: this.#path, line }, cause);
  }
}

/** Bytes that a text in padded base64 stands for; -1 when no text of that length is one. */
function base64Size(text: string): number {
  if (text.length % 4 !== 0) return -1;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return (text.length / 4) * 3 - padding;
}
