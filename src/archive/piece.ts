const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Collects the next so many bytes of a stream. When one chunk holds them all they are read where they are; only a
 * piece that a chunk boundary cuts is copied together.
 */
export class Piece {
  /** Once complete, the piece is `bytes` from `start` to `end`. */
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  complete = false;
  #wanted: number;
  #copy: Buffer = NOTHING;
  #copied = 0;

  constructor(length: number) {
    this.#wanted = length;
  }

  /** True when nothing of the piece has come yet. */
  get empty(): boolean {
    return this.#copied === 0;
  }

  expect(length: number): void {
    this.#wanted = length;
    this.#copied = 0;
    this.complete = false;
  }

  /** Takes what it needs from `at` on; answers where it stopped. */
  take(chunk: Buffer, at: number): number {
    const missing = this.#wanted - this.#copied;
    const stop = Math.min(chunk.length, at + missing);
    this.complete = stop - at === missing;
    if (this.complete && this.#copied === 0) {
      this.#set(chunk, at, stop);
      return stop;
    }
    if (this.#copy.length < this.#wanted) this.#copy = enlarged(this.#copy, this.#copied, this.#wanted);
    chunk.copy(this.#copy, this.#copied, at, stop);
    this.#copied += stop - at;
    if (this.complete) this.#set(this.#copy, 0, this.#wanted);
    return stop;
  }

  #set(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
  }
}

function enlarged(old: Buffer, used: number, length: number): Buffer {
  const larger = Buffer.allocUnsafe(length);
  old.copy(larger, 0, 0, used);
  return larger;
}
