import { ftruncateSync, writeSync } from 'node:fs';
import type { TarEntry } from './tar-entry.ts';

/** Expands the stored runs of a sparse file: holes are left out by position, never written. */
export class SparseFile {
  readonly #fd: number;
  readonly #sparse: NonNullable<TarEntry['sparse']>;
  #run = 0;
  #inRun = 0;
  #mapLeft: number;

  constructor(fd: number, sparse: NonNullable<TarEntry['sparse']>) {
    this.#fd = fd;
    this.#sparse = sparse;
    this.#mapLeft = sparse.mapBytes;
  }

  /** Takes the stored bytes in order. */
  write(chunk: Buffer, start: number, end: number): void {
    const skip = Math.min(this.#mapLeft, end - start);
    this.#mapLeft -= skip;
    let at = start + skip;
    while (at < end) {
      const run = this.#sparse.runs[this.#run];
      if (run === undefined) return;
      const take = Math.min(end - at, run.length - this.#inRun);
      writeAt(this.#fd, chunk, at, at + take, run.offset + this.#inRun);
      at += take;
      this.#inRun += take;
      if (this.#inRun === run.length) {
        this.#run++;
        this.#inRun = 0;
      }
    }
  }

  /** Gives the file its logical size. */
  finish(): void {
    ftruncateSync(this.#fd, this.#sparse.logicalSize);
  }
}

function writeAt(fd: number, chunk: Buffer, start: number, end: number, position: number): void {
  for (let at = start; at < end;) at += writeSync(fd, chunk, at, end - at, position + (at - start));
}
