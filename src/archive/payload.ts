import { mkdirSync, openSync } from 'node:fs';
import { check } from '../system/errno.ts';
import type { Bytes, Dir, System } from '../system/system.ts';
import { PAYLOAD_DIR } from './record-format.ts';

/** The side files of a layer: bodies that are in its tar and not in its tree. The directory is made with the first. */
export class Payload {
  readonly #system: System;
  readonly #path: string;
  #dir: Dir | null = null;

  constructor(system: System, meta: string) {
    this.#system = system;
    this.#path = `${meta}/${PAYLOAD_DIR}`;
  }

  /** A new side file, open for writing. */
  create(number: number): number {
    this.#open();
    return openSync(`${this.#path}/${number}`, 'wx', 0o600);
  }

  /** Moves a file of the tree here. */
  adopt(number: number, fromDir: Dir, name: Bytes): void {
    check(this.#system.rename(fromDir, name, this.#open(), String(number)), 'rename', `${this.#path}/${number}`);
  }

  close(): void {
    if (this.#dir !== null) this.#system.closeDir(this.#dir);
    this.#dir = null;
  }

  #open(): Dir {
    if (this.#dir === null) {
      mkdirSync(this.#path, { mode: 0o700 });
      this.#dir = check(this.#system.openRoot(Buffer.from(this.#path).toString('latin1')), 'open', this.#path);
    }
    return this.#dir;
  }
}
