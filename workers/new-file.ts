import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { withPath } from '../src/errors/system-error.ts';

/** A file that a task makes; it goes again unless `keep` was reached. */
export class NewFile {
  readonly #path: string;
  readonly #fd: number;
  #good = false;

  constructor(path: string) {
    this.#path = path;
    this.#fd = openSync(path, 'wx', 0o600);
  }

  write(chunk: Buffer): void {
    try {
      for (let at = 0; at < chunk.length;) at += writeSync(this.#fd, chunk, at);
    } catch (error) {
      throw withPath(error, this.#path);
    }
  }

  keep(): void {
    this.#good = true;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
    if (!this.#good) rmSync(this.#path, { force: true });
  }
}
