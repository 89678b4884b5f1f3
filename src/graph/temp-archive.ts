import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import type { OutputCompression } from '../compression/codec.ts';
import { engineError } from '../errors/kinds.ts';
import type { Digest } from '../identity/digest.ts';

const READ_BYTES = 256 * 1024;

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
  /** How it was packed: implementation, version, level and cuts, such as `gzip:zlib/1.3.1:l4:b1M`. */
  readonly profile: string;
  readonly #remove: () => Promise<void>;
  #taken = false;
  #removed: Promise<void> | null = null;

  constructor(
    file: Pick<TempArchive, 'path' | 'size' | 'digest' | 'diffId' | 'compression' | 'profile'>,
    remove: () => Promise<void>,
  ) {
    this.path = file.path;
    this.size = file.size;
    this.digest = file.digest;
    this.diffId = file.diffId;
    this.compression = file.compression;
    this.profile = file.profile;
    this.#remove = remove;
  }

  /** The bytes of the file. It can be read once: at the end, or when the stream is destroyed, the file is gone. */
  stream(): Readable {
    if (this.#taken || this.#removed !== null) {
      throw engineError('INVALID_ARGUMENT', 'a temporary archive can be read once; make another one', {
        argument: 'archive',
      });
    }
    this.#taken = true;
    const stream = createReadStream(this.path, { highWaterMark: READ_BYTES });
    // What cannot be removed now is swept when the store is opened.
    stream.once('close', () => void this.close().catch(() => {}));
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
