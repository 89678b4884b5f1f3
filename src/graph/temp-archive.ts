import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import type { OutputCompression } from '../compression/codec.ts';
import type { Digest } from '../identity/digest.ts';

/**
 * A layer as a file that is gone once it was read: read `stream()` to its end, or `close()`. `size` and `digest` are of
 * the file, `diffId` is of the tar in it.
 */
export class TempArchive implements AsyncDisposable {
  readonly path: string;
  readonly size: number;
  readonly digest: Digest;
  readonly diffId: Digest;
  readonly compression: OutputCompression;
  readonly #remove: () => Promise<void>;
  #removed: Promise<void> | null = null;

  constructor(
    file: { path: string; size: number; digest: Digest; diffId: Digest; compression: OutputCompression },
    remove: () => Promise<void>,
  ) {
    this.path = file.path;
    this.size = file.size;
    this.digest = file.digest;
    this.diffId = file.diffId;
    this.compression = file.compression;
    this.#remove = remove;
  }

  /** The bytes of the file, once. */
  stream(): Readable {
    const stream = createReadStream(this.path);
    stream.once('close', () => void this.close());
    return stream;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      yield* this.stream() as AsyncIterable<Uint8Array>;
    } finally {
      await this.close();
    }
  }

  /** Removes the file. Calling it again is no error. */
  close(): Promise<void> {
    this.#removed ??= this.#remove();
    return this.#removed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
