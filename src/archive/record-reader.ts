import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { unzstd } from '../compression/zstd.ts';
import { engineError } from '../errors/kinds.ts';
import type { Bytes } from '../system/system.ts';
import {
  MAGIC,
  MAX_FRAME_SIZE,
  MAX_TABLE_SIZE,
  type MovedBody,
  OP_FILE,
  OP_PAYLOAD,
  OP_RAW,
  RECORD_FILE,
  type RecordFrame,
  type RecordTable,
} from './record-format.ts';

/** One piece of a tar: bytes, or a body and where it is. `payload` is null for a body in the tree. */
export type RecordPiece =
  | { kind: 'raw'; tarOffset: number; bytes: Buffer }
  | { kind: 'body'; tarOffset: number; size: number; path: Bytes; payload: number | null };

const TAIL_BYTES = 8 + MAGIC.length;

/** Reads the record of a layer, frame by frame. Throws DIGEST_MISMATCH where it is damaged. */
export class RecordReader {
  readonly table: RecordTable;
  readonly #fd: number;
  readonly #path: string;
  readonly #moved: Map<Bytes, MovedBody[]>;

  constructor(meta: string) {
    this.#path = `${meta}/${RECORD_FILE}`;
    this.#fd = openSync(this.#path, 'r');
    try {
      this.table = this.#readTable();
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
    this.#moved = groupByPath(this.table.moved);
  }

  /** The pieces that cover `[start, end)` of the tar, in order; the first and last may reach beyond. */
  *pieces(start: number, end: number): Generator<RecordPiece> {
    for (const frame of this.#framesFrom(start)) {
      if (frame.tarOffset >= end) return;
      for (const piece of this.#frameParts(frame)) {
        if (piece.tarOffset >= end) return;
        const size = piece.kind === 'raw' ? piece.bytes.length : piece.size;
        if (piece.tarOffset + size > start) yield piece;
      }
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** The frames from the one that holds the operation which covers `start`. */
  #framesFrom(start: number): RecordFrame[] {
    const { frames } = this.table;
    let low = 0;
    let high = frames.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (frames[middle]!.tarOffset <= start) low = middle + 1;
      else high = middle;
    }
    return frames.slice(Math.max(0, low - 1));
  }

  *#frameParts(frame: RecordFrame): Generator<RecordPiece> {
    if (frame.size > MAX_FRAME_SIZE) throw this.#damaged('a frame is too large');
    const bytes = unzstd(this.#read(frame.offset, frame.packedSize), frame.size);
    const cursor = { at: 0 };
    let tarOffset = frame.tarOffset;
    let body = frame.bodiesBefore;
    while (cursor.at < bytes.length) {
      const op = bytes[cursor.at++];
      const size = this.#number(bytes, cursor);
      switch (op) {
        case OP_RAW:
          yield { kind: 'raw', tarOffset, bytes: this.#take(bytes, cursor, size) };
          break;
        case OP_FILE: {
          const path = this.#take(bytes, cursor, this.#number(bytes, cursor)).toString('latin1');
          yield { kind: 'body', tarOffset, size, path, payload: this.#payloadOf(path, body) };
          body++;
          break;
        }
        case OP_PAYLOAD:
          yield { kind: 'body', tarOffset, size, path: '', payload: this.#number(bytes, cursor) };
          break;
        default:
          throw this.#damaged(`unknown operation ${op}`);
      }
      tarOffset += size;
    }
  }

  #payloadOf(path: Bytes, body: number): number | null {
    return this.#moved.get(path)?.find((moved) => body < moved.before)?.payload ?? null;
  }

  #readTable(): RecordTable {
    const fileSize = fstatSync(this.#fd).size;
    if (fileSize < MAGIC.length + TAIL_BYTES) throw this.#damaged('it is too short');
    const tail = this.#read(fileSize - TAIL_BYTES, TAIL_BYTES);
    const packedSize = tail.readUInt32LE(0);
    const size = tail.readUInt32LE(4);
    if (!tail.subarray(8).equals(MAGIC) || !this.#read(0, MAGIC.length).equals(MAGIC)) throw this.#damaged('no magic');
    if (size > MAX_TABLE_SIZE || packedSize > fileSize - TAIL_BYTES) throw this.#damaged('the table is too large');
    const text = unzstd(this.#read(fileSize - TAIL_BYTES - packedSize, packedSize), size).toString('utf8');
    const table = JSON.parse(text) as {
      tarSize: number;
      frames: [number, number, number, number, number][];
      moved: [string, number, number][];
    };
    return {
      tarSize: table.tarSize,
      frames: table.frames.map(([tarOffset, bodiesBefore, offset, packed, unpacked]) => ({
        tarOffset,
        bodiesBefore,
        offset,
        packedSize: packed,
        size: unpacked,
      })),
      moved: table.moved.map(([path, before, payload]) => ({ path, before, payload })),
    };
  }

  #read(offset: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    let got = 0;
    while (got < length) {
      const read = readSync(this.#fd, bytes, got, length - got, offset + got);
      if (read === 0) throw this.#damaged('it ends early');
      got += read;
    }
    return bytes;
  }

  #take(bytes: Buffer, cursor: { at: number }, length: number): Buffer {
    const end = cursor.at + length;
    if (end > bytes.length) throw this.#damaged('an operation reaches beyond its frame');
    const taken = bytes.subarray(cursor.at, end);
    cursor.at = end;
    return taken;
  }

  #number(bytes: Buffer, cursor: { at: number }): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 0x80) {
      const byte = bytes[cursor.at++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw this.#damaged('a number is malformed');
  }

  #damaged(why: string): Error {
    return engineError(
      'DIGEST_MISMATCH',
      `the layer's record ${JSON.stringify(this.#path)} is damaged: ${why}; import the image again`,
      { what: this.#path, expected: 'a layer record', actual: why },
    );
  }
}

function groupByPath(moved: readonly MovedBody[]): Map<Bytes, MovedBody[]> {
  const byPath = new Map<Bytes, MovedBody[]>();
  for (const body of moved) {
    const list = byPath.get(body.path);
    if (list === undefined) byPath.set(body.path, [body]);
    else list.push(body);
  }
  return byPath;
}
