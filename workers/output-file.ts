import type { Digest } from '../src/identity/digest.ts';
import type { BlobDigest } from '../src/tasks/task-map.ts';
import { HashedBytes } from './hashed-bytes.ts';
import { NewFile } from './new-file.ts';

/** A new file that a task writes from start to end, hashed on the way. It is removed unless `finish` was reached. */
export class OutputFile {
  readonly #file: NewFile;
  readonly #bytes: HashedBytes;

  constructor(path: string, promised?: Digest) {
    this.#file = new NewFile(path);
    this.#bytes = new HashedBytes(promised);
  }

  write(chunk: Buffer): void {
    this.#bytes.update(chunk);
    this.#file.write(chunk);
  }

  /** Throws DIGEST_MISMATCH when it is not what was promised. */
  finish(): BlobDigest {
    const blob = this.#bytes.finishChecked();
    this.#file.keep();
    return blob;
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }
}
