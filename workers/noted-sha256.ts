import { PART_BYTES } from '../src/compression/codec.ts';
import type { ResumableSha256, RunningSha256 } from '../src/system/resumable-sha256.ts';
import type { Sha256 } from './hashed-bytes.ts';

/** The SHA-256 of a tar, with a note of what it was after each part: so a part can be proven by itself later. */
export class NotedSha256 implements Sha256 {
  readonly #running: RunningSha256;
  readonly #states: Buffer[] = [];
  #room = PART_BYTES;

  constructor(sha256: ResumableSha256) {
    this.#running = sha256.start();
  }

  update(chunk: Buffer): void {
    let at = 0;
    while (chunk.length - at >= this.#room) {
      this.#running.update(chunk.subarray(at, at + this.#room));
      this.#states.push(this.#running.state());
      at += this.#room;
      this.#room = PART_BYTES;
    }
    if (at === chunk.length) return;
    this.#running.update(at === 0 ? chunk : chunk.subarray(at));
    this.#room -= chunk.length - at;
  }

  digest(): Buffer {
    return this.#running.digest();
  }

  /** The states after 1, 2, … whole parts, 32 bytes each. */
  midstates(): Buffer {
    return Buffer.concat(this.#states);
  }
}
