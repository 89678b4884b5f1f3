import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import type { BlobDigest } from '../src/tasks/task-map.ts';

/** A new file that a task writes from start to end, hashed on the way. It is removed unless `finish` was reached. */
export class OutputFile {
  readonly #path: string;
  readonly #fd: number;
  readonly #hash: Hash = createHash('sha256');
  #size = 0;
  #finished = false;

  constructor(path: string) {
    this.#path = path;
    this.#fd = openSync(path, 'wx', 0o600);
  }

  write(chunk: Buffer): void {
    this.#hash.update(chunk);
    this.#size += chunk.length;
    for (let at = 0; at < chunk.length;) at += writeSync(this.#fd, chunk, at);
  }

  finish(): BlobDigest {
    this.#finished = true;
    return { digest: `sha256:${this.#hash.digest('hex')}`, size: this.#size };
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
    if (!this.#finished) rmSync(this.#path, { force: true });
  }
}
