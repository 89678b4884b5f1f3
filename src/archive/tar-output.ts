import { readSync } from 'node:fs';
import type { ByteSink } from '../compression/codec.ts';
import { writeEnd, writeHeader, writePadding, type WrittenEntry } from './tar-writer.ts';

/** Headers and small files are gathered: a call of the sink for each would cost more than their bytes. */
const BUFFER_BYTES = 256 * 1024;

/** Writes a tar to a sink through one buffer, into which files are read directly. */
export class TarOutput {
  readonly #sink: ByteSink;
  readonly #buffer: Buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  #used = 0;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  header(entry: WrittenEntry): void {
    writeHeader(entry, this.#put);
  }

  /** Copies the open file, which must have `size` bytes, and pads it; tells when it has more or less. */
  body(fd: number, size: number): 'complete' | 'shorter' | 'longer' {
    let left = size;
    for (;;) {
      if (this.#used === BUFFER_BYTES) this.#flush();
      // One byte more than should be there shows a file that has grown.
      const wanted = Math.min(left + 1, BUFFER_BYTES - this.#used);
      const read = readSync(fd, this.#buffer, this.#used, wanted, null);
      if (read > left) return 'longer';
      this.#used += read;
      left -= read;
      if (left === 0 && read < wanted) break;
      if (read === 0) return 'shorter';
    }
    writePadding(size, this.#put);
    return 'complete';
  }

  end(): void {
    writeEnd(this.#put);
    this.#flush();
  }

  readonly #put = (bytes: Buffer): void => {
    if (bytes.length > BUFFER_BYTES - this.#used) this.#flush();
    if (bytes.length > BUFFER_BYTES) {
      this.#sink(bytes);
      return;
    }
    bytes.copy(this.#buffer, this.#used);
    this.#used += bytes.length;
  };

  #flush(): void {
    if (this.#used > 0) this.#sink(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }
}
