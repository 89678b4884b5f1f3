import { createHash, type Hash } from 'node:crypto';
import { type Digest, digestAlgorithm, digestMismatch } from '../src/identity/digest.ts';
import type { BlobDigest } from '../src/tasks/task-map.ts';

/** Bytes that are counted and hashed as they pass. A promised digest may be of another algorithm; ours is sha256. */
export class HashedBytes {
  readonly #promised: Digest | undefined;
  readonly #sha256: Hash = createHash('sha256');
  readonly #sha512: Hash | null;
  #size = 0;

  constructor(promised?: Digest) {
    this.#promised = promised;
    this.#sha512 = promised !== undefined && digestAlgorithm(promised) === 'sha512' ? createHash('sha512') : null;
  }

  update(chunk: Buffer): void {
    this.#sha256.update(chunk);
    this.#sha512?.update(chunk);
    this.#size += chunk.length;
  }

  /** What they were, once. */
  finish(): BlobDigest {
    return { digest: `sha256:${this.#sha256.digest('hex')}`, size: this.#size };
  }

  /** As `finish`. Throws DIGEST_MISMATCH when they are not what was promised. */
  finishChecked(): BlobDigest {
    const found = this.finish();
    const actual: Digest = this.#sha512 === null ? found.digest : `sha512:${this.#sha512.digest('hex')}`;
    if (this.#promised !== undefined && this.#promised !== actual) throw digestMismatch(this.#promised, actual);
    return found;
  }
}
