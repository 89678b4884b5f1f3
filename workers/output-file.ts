import type { Digest } from '../src/identity/digest.ts';
import type { TaskCell } from '../src/tasks/task-cell.ts';
import type { BlobDigest } from '../src/tasks/task-map.ts';
import { HashedBytes } from './hashed-bytes.ts';
import { NewFile } from './new-file.ts';

/** A new file that a task writes from start to end, hashed on the way. It is removed unless `finish` was reached. */
export class OutputFile {
  readonly #file: NewFile;
  readonly #bytes: HashedBytes;
  readonly #cell: TaskCell;

  constructor(path: string, cell: TaskCell, promised?: Digest) {
    this.#file = new NewFile(path);
    this.#bytes = new HashedBytes(promised);
    this.#cell = cell;
  }

  write(chunk: Buffer): void {
    const before = this.#cell.enter('hash');
    this.#bytes.update(chunk);
    this.#cell.enter('write');
    this.#file.write(chunk);
    this.#cell.enter(before);
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
