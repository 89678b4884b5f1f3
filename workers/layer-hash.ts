import type { TarSource } from '../src/archive/tar-source.ts';
import type { Compression } from '../src/compression/codec.ts';
import { engineError } from '../src/errors/kinds.ts';
import type { Digest } from '../src/identity/digest.ts';
import type { LayerDigests } from '../src/tasks/task-map.ts';
import type { ResumableSha256 } from '../src/system/resumable-sha256.ts';
import { HashedBytes } from './hashed-bytes.ts';
import { NotedSha256 } from './noted-sha256.ts';

/** Hashes a layer as it is read: its tar, and what the tar came in when that is packed. A plain tar is hashed once. */
export class LayerHash {
  readonly #noted: NotedSha256 | null;
  readonly #tar: HashedBytes;
  readonly #packed: HashedBytes;

  constructor(source: TarSource, sha256: ResumableSha256 | null) {
    const promised = source.from === 'blob' ? source.blob.digest : undefined;
    this.#noted = sha256 === null ? null : new NotedSha256(sha256);
    this.#tar = new HashedBytes(promised, this.#noted ?? undefined);
    this.#packed = new HashedBytes(promised);
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
    const plain = compression === 'none';
    const blob = (plain ? this.#tar : this.#packed).finishChecked();
    const tar = plain ? blob : this.#tar.finish();
    if (expected.diffId !== undefined) checkDiffId(expected.diffId, tar.digest);
    const midstates = this.#noted?.midstates().toString('base64') ?? null;
    return { diffId: tar.digest, tarSize: tar.size, midstates, blob, compression };
  }
}

/** The promise of every layer: its bytes are the ones that its DiffID names. */
function checkDiffId(expected: Digest, actual: Digest): void {
  if (expected === actual) return;
  const message = `the layer's tar has DiffID ${actual}, ${expected} was promised`;
  throw engineError('DIFF_ID_MISMATCH', message, { expected, actual });
}
