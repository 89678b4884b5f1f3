import { closeSync, openSync, writeSync } from 'node:fs';
import { PART_BYTES } from '../compression/codec.ts';
import { type ZstdStream, zstdStream } from '../compression/zstd.ts';
import type { Bytes } from '../system/system.ts';
import {
  MAGIC,
  type MovedBody,
  OP_FILE,
  OP_PAYLOAD,
  OP_RAW,
  RECORD_FILE,
  RECORD_LEVEL,
  type RecordFrame,
} from './record-format.ts';

/** Raw bytes are gathered up to this much before they become one operation. */
const RAW_BYTES = 64 * 1024;
const MAX_NUMBER_BYTES = 8;

/** Writes the record of a layer while the layer is applied. */
export class RecordWriter {
  readonly #fd: number;
  readonly #frames: RecordFrame[] = [];
  readonly #moved: MovedBody[] = [];
  readonly #raw: Buffer = Buffer.allocUnsafe(RAW_BYTES);
  /** One stream for all frames: contexts are freed by the event loop only, which a busy thread never reaches. */
  readonly #stream: ZstdStream;
  readonly #head: Buffer = Buffer.allocUnsafe(1 + 2 * MAX_NUMBER_BYTES + 4096);
  #rawUsed = 0;
  #rawStart = 0;
  #tarOffset = 0;
  #bodies = 0;
  #payloads = 0;
  #fileOffset = 0;
  #frame: RecordFrame | null = null;

  /** Creates `<meta>/record`. */
  constructor(meta: string) {
    this.#fd = openSync(`${meta}/${RECORD_FILE}`, 'wx', 0o600);
    this.#stream = zstdStream(RECORD_LEVEL, (chunk) => this.#append(chunk));
    this.#append(MAGIC);
  }

  /** Bytes of the tar that belong to no body. */
  raw(chunk: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#rawUsed === 0) this.#rawStart = this.#tarOffset;
      const take = Math.min(end - at, RAW_BYTES - this.#rawUsed);
      chunk.copy(this.#raw, this.#rawUsed, at, at + take);
      this.#rawUsed += take;
      this.#tarOffset += take;
      at += take;
      if (this.#rawUsed === RAW_BYTES) this.#flushRaw();
    }
  }

  /** The next `size` bytes of the tar are the body of the file at `path` in the layer's tree. */
  file(path: Bytes, size: number): void {
    if (size === 0) return;
    this.#flushRaw();
    const frame = this.#frameAt(this.#tarOffset);
    const head = this.#head;
    head[0] = OP_FILE;
    let at = putNumber(head, 1, size);
    at = putNumber(head, at, path.length);
    at += head.write(path, at, 'latin1');
    this.#push(frame, head.subarray(0, at));
    this.#tarOffset += size;
    this.#bodies++;
  }

  /** The next `size` bytes of the tar are in the payload; answers under which number they must be put there. */
  payload(size: number): number {
    this.#flushRaw();
    const frame = this.#frameAt(this.#tarOffset);
    const number = this.#payloads++;
    const head = this.#head;
    head[0] = OP_PAYLOAD;
    const at = putNumber(head, putNumber(head, 1, size), number);
    this.#push(frame, head.subarray(0, at));
    this.#tarOffset += size;
    return number;
  }

  /** The file at `path` is about to leave the tree; answers under which number it must go to the payload. */
  moved(path: Bytes): number {
    const payload = this.#payloads++;
    this.#moved.push({ path, before: this.#bodies, payload });
    return payload;
  }

  /** Completes the file. Nothing may be called afterwards but `close`. */
  finish(): void {
    this.#flushRaw();
    this.#endFrame();
    const table = Buffer.from(
      JSON.stringify({
        tarSize: this.#tarOffset,
        frames: this.#frames.map((f) => [f.tarOffset, f.bodiesBefore, f.offset, f.packedSize, f.size]),
        moved: this.#moved.map((m) => [m.path, m.before, m.payload]),
      }),
    );
    const before = this.#fileOffset;
    this.#stream.write(table);
    this.#stream.end();
    const tail = Buffer.alloc(8);
    tail.writeUInt32LE(this.#fileOffset - before, 0);
    tail.writeUInt32LE(table.length, 4);
    this.#append(tail);
    this.#append(MAGIC);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #flushRaw(): void {
    if (this.#rawUsed === 0) return;
    const frame = this.#frameAt(this.#rawStart);
    this.#head[0] = OP_RAW;
    this.#push(frame, this.#head.subarray(0, putNumber(this.#head, 1, this.#rawUsed)));
    this.#push(frame, this.#raw.subarray(0, this.#rawUsed));
    this.#rawUsed = 0;
  }

  /** The frame for an operation at `tarOffset`: a new one whenever the operation starts in another part. */
  #frameAt(tarOffset: number): RecordFrame {
    const current = this.#frame;
    if (current !== null) {
      if (Math.floor(current.tarOffset / PART_BYTES) === Math.floor(tarOffset / PART_BYTES)) return current;
      this.#endFrame();
    }
    const frame = { tarOffset, bodiesBefore: this.#bodies, offset: this.#fileOffset, packedSize: 0, size: 0 };
    this.#frame = frame;
    return frame;
  }

  #endFrame(): void {
    const frame = this.#frame;
    if (frame === null) return;
    this.#stream.end();
    frame.packedSize = this.#fileOffset - frame.offset;
    this.#frames.push(frame);
    this.#frame = null;
  }

  #push(frame: RecordFrame, bytes: Buffer): void {
    this.#stream.write(bytes);
    frame.size += bytes.length;
  }

  #append(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) at += writeSync(this.#fd, bytes, at);
    this.#fileOffset += bytes.length;
  }
}

function putNumber(into: Buffer, at: number, value: number): number {
  let rest = value;
  let index = at;
  while (rest >= 0x80) {
    into[index++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  into[index++] = rest;
  return index;
}
