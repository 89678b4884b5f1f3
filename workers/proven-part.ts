import { PART_BYTES } from '../src/compression/codec.ts';
import { engineError } from '../src/errors/kinds.ts';
import type { ResumableSha256, RunningSha256 } from '../src/system/resumable-sha256.ts';
import type { PartProof } from '../src/tasks/task-map.ts';

/**
 * Proves that bytes are one part of the tar with a DiffID: its SHA-256 goes on from where it was before them, and must
 * come to where it was after them. All parts together are so proven as if the whole had been hashed.
 */
export class ProvenPart {
  readonly #proof: PartProof;
  readonly #part: number;
  readonly #sha256: RunningSha256;

  constructor(sha256: ResumableSha256, proof: PartProof, part: number) {
    this.#proof = proof;
    this.#part = part;
    const { before } = proof;
    this.#sha256 = before === null ? sha256.start() : sha256.resume(Buffer.from(before, 'base64'), part * PART_BYTES);
  }

  update(chunk: Buffer): void {
    this.#sha256.update(chunk);
  }

  /** Throws DIFF_ID_MISMATCH. */
  finish(): void {
    const { after, diffId } = this.#proof;
    const [found, wanted] =
      after === null
        ? [`sha256:${this.#sha256.digest().toString('hex')}`, diffId]
        : [this.#sha256.state().toString('base64'), after];
    if (found === wanted) return;
    const start = this.#part * PART_BYTES;
    const message = `the layer's tar is not the one with DiffID ${diffId} from byte ${start} on; import the image again`;
    throw engineError('DIFF_ID_MISMATCH', message, { expected: diffId, actual: `another part ${this.#part}` });
  }
}
