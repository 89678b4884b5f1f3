/** Bytes that go to the disk at once. */
const PIECE_BYTES = 512 * 1024;

/** Writes bytes from an offset on. */
export type Put = (piece: Buffer, at: number) => Promise<void>;

/** Makes pieces for the disk of what comes from the network: one is filled while the other is written. */
export class Pieces {
  readonly #put: Put;
  readonly #buffers: Buffer[];
  #turn = 0;
  #filled = 0;
  #start = 0;
  #written: Promise<void> | null = null;

  constructor(most: number, put: Put) {
    const bytes = Math.max(1, Math.min(PIECE_BYTES, most));
    this.#put = put;
    this.#buffers = [Buffer.allocUnsafe(bytes), Buffer.allocUnsafe(bytes)];
  }

  /** The offset behind all that was taken. */
  get end(): number {
    return this.#start + this.#filled;
  }

  /** Begins anew at an offset. */
  startAt(offset: number): void {
    [this.#start, this.#filled] = [offset, 0];
  }

  /** Takes bytes; those are done with when it returns, or when what it answers resolves. */
  take(chunk: Buffer): Promise<void> | void {
    for (let from = 0; from < chunk.length;) {
      const buffer = this.#buffers[this.#turn]!;
      const copied = chunk.copy(buffer, this.#filled, from);
      from += copied;
      this.#filled += copied;
      if (this.#filled < buffer.length) continue;
      if (this.#written !== null) return this.#written.then(() => this.#takeRest(chunk.subarray(from)));
      this.#write();
    }
  }

  /** Writes what is left, and waits for everything. */
  async flush(): Promise<void> {
    await this.#written;
    if (this.#filled > 0) this.#write();
    await this.#written;
  }

  #takeRest(chunk: Buffer): Promise<void> | void {
    this.#write();
    return this.take(chunk);
  }

  #write(): void {
    const piece = this.#buffers[this.#turn]!.subarray(0, this.#filled);
    const written = this.#put(piece, this.#start);
    this.#written = written;
    // Who waits for it may not be there yet when it fails.
    written.then(
      () => void (this.#written = this.#written === written ? null : this.#written),
      () => undefined,
    );
    this.#turn = 1 - this.#turn;
    this.startAt(this.end);
  }
}
