import { createHash, type Hash } from 'node:crypto';
import { type Digest, digestAlgorithm, digestMismatch } from '../src/identity/digest.ts';
import type { BlobDigest } from '../src/tasks/task-map.ts';

/** What makes a SHA-256: that of `node:crypto`, or another. */
export interface Sha256 {
  update(chunk: Buffer): unknown;
  digest(): Buffer;
}

/** Bytes that are counted and hashed as they pass. A promised digest may be of another algorithm; ours is sha256. */
export class HashedBytes {
  readonly #promised: Digest | undefined;
  readonly #sha256: Sha256;
  readonly #sha512: Hash | null;
  #size = 0;

  constructor(promised?: Digest, sha256: Sha256 = createHash('sha256')) {
    this.#promised = promised;
    this.#sha256 = sha256;
    this.#sha512 = promised !== undefined && digestAlgorithm(promised) === 'sha512' ? createHash('sha512') : null;
  }

  update(chunk: Buffer): void {
    this.#sha256.update(chunk);
    this.#sha512?.update(chunk);
    this.#size += chunk.length;
  }

  /** What they were, once. */
  finish(): BlobDigest {
    return { digest: `sha256:${this.#sha256.digest().toString('hex')}`, size: this.#size };
  }

  /** As `finish`. Throws DIGEST_MISMATCH when they are not what was promised. */
  finishChecked(): BlobDigest {
    const found = this.finish();
    const actual: Digest = this.#sha512 === null ? found.digest : `sha512:${this.#sha512.digest('hex')}`;
    if (this.#promised !== undefined && this.#promised !== actual) throw digestMismatch(this.#promised, actual);
    return found;
  }
}
