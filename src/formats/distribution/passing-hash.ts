import { type Digest, digestAlgorithm, digestMismatch } from '../../identity/digest.ts';
import type { ResumableSha256, RunningSha256 } from '../../system/resumable-sha256.ts';

/** Proves a blob on its way out, however often parts of it are sent. */
export class PassingHash {
  readonly #blob: { digest: Digest; size: number };
  readonly #running: RunningSha256;
  /** What has been hashed, or is. */
  #at = 0;
  #last = Promise.resolve();
  /** Bytes were left out: only the registry can tell then. */
  #hasGap = false;

  constructor(sha256: ResumableSha256, blob: { digest: Digest; size: number }) {
    [this.#running, this.#blob] = [sha256.start(), blob];
  }

  /** Bytes that lie at `start`, of which some may have been taken before. Throws DIGEST_MISMATCH at the last one. */
  take(piece: Buffer, start: number): Promise<void> {
    this.#hasGap ||= start > this.#at;
    if (this.#hasGap) return this.#last;
    const fresh = piece.subarray(Math.max(0, this.#at - start));
    // A send that was broken off may still be at it.
    if (fresh.length > 0) this.#last = this.#hash(fresh, this.#last);
    return this.#last;
  }

  async #hash(fresh: Buffer, before: Promise<void>): Promise<void> {
    this.#at += fresh.length;
    const isLast = this.#at === this.#blob.size;
    await before;
    await this.#running.updateAside(fresh);
    if (!isLast) return;
    const found: Digest = `sha256:${this.#running.digest().toString('hex')}`;
    if (found !== this.#blob.digest) throw digestMismatch(this.#blob.digest, found);
  }
}

/** Null where it takes a task: for other digests, and where hashes cannot be left and gone on with. */
export function proofFor(
  blob: { digest: Digest; size: number },
  sha256: ResumableSha256 | null,
): (() => PassingHash) | null {
  return sha256 !== null && digestAlgorithm(blob.digest) === 'sha256' ? () => new PassingHash(sha256, blob) : null;
}
