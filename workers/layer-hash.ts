import { createHash, type Hash } from 'node:crypto';
import type { TarSource } from '../src/archive/tar-source.ts';
import type { Compression } from '../src/compression/codec.ts';
import { engineError } from '../src/errors/kinds.ts';
import { type Digest, digestAlgorithm } from '../src/identity/digest.ts';
import type { LayerDigests } from '../src/tasks/task-map.ts';

/** Hashes a layer as it is read: its tar, and what the tar came in when that is packed. A plain tar is hashed once. */
export class LayerHash {
  readonly #promised: Digest | undefined;
  readonly #tar: HashedBytes;
  readonly #packed: HashedBytes;

  constructor(source: TarSource) {
    this.#promised = source.from === 'blob' ? source.blob.digest : undefined;
    // A promised digest may be of another algorithm; ours, the name in the store, is always sha256.
    const also = this.#promised !== undefined && digestAlgorithm(this.#promised) === 'sha512';
    this.#tar = new HashedBytes(also);
    this.#packed = new HashedBytes(also);
  }

  /** The next bytes of the tar. */
  tar(chunk: Buffer): void {
    this.#tar.update(chunk);
  }

  /** The next bytes of a packed blob. */
  packed(chunk: Buffer): void {
    this.#packed.update(chunk);
  }

  /** Checks what was promised: throws DIGEST_MISMATCH for the blob, DIFF_ID_MISMATCH for the tar in it. */
  finish(compression: Compression, expected: { diffId?: Digest }): LayerDigests {
    const stored = compression === 'none' ? this.#tar : this.#packed;
    const blob = { digest: stored.sha256(), size: stored.size };
    const diffId = stored === this.#tar ? blob.digest : this.#tar.sha256();
    if (this.#promised !== undefined) checkBlob(this.#promised, stored.sha512() ?? blob.digest);
    if (expected.diffId !== undefined) checkDiffId(expected.diffId, diffId);
    return { diffId, tarSize: this.#tar.size, blob, compression };
  }
}

class HashedBytes {
  readonly #sha256: Hash = createHash('sha256');
  readonly #sha512: Hash | null;
  #size = 0;

  constructor(sha512: boolean) {
    this.#sha512 = sha512 ? createHash('sha512') : null;
  }

  get size(): number {
    return this.#size;
  }

  update(chunk: Buffer): void {
    this.#sha256.update(chunk);
    this.#sha512?.update(chunk);
    this.#size += chunk.length;
  }

  sha256(): Digest {
    return `sha256:${this.#sha256.digest('hex')}`;
  }

  sha512(): Digest | null {
    return this.#sha512 === null ? null : `sha512:${this.#sha512.digest('hex')}`;
  }
}

function checkBlob(expected: Digest, actual: Digest): void {
  if (expected === actual) return;
  const message = `the bytes of blob ${expected} have digest ${actual}; fetch or save it again`;
  throw engineError('DIGEST_MISMATCH', message, { what: 'blob', expected, actual });
}

/** The promise of every layer: its bytes are the ones that its DiffID names. */
function checkDiffId(expected: Digest, actual: Digest): void {
  if (expected === actual) return;
  const message = `the layer's tar has DiffID ${actual}, ${expected} was promised`;
  throw engineError('DIFF_ID_MISMATCH', message, { expected, actual });
}
