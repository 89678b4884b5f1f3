import { link, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../errors/system-error.ts';
import { type Digest, digestHex, sha256Digest } from '../identity/digest.ts';
import type { BlobRef } from '../streams/blob-ref.ts';
import type { FormatContext } from './context.ts';

/** Blobs that wait, beside their destination, for everything to be there. */
export class BlobStaging {
  readonly path: string;
  readonly #context: FormatContext;
  /** Whether a blob that stays where it is may be a second name of it instead of a copy. */
  readonly #mayLink: boolean;
  readonly #blobs = new Map<Digest, { size: number; done: Promise<void> }>();

  private constructor(path: string, mayLink: boolean, context: FormatContext) {
    this.path = path;
    this.#mayLink = mayLink;
    this.#context = context;
  }

  /** Links are for staging that is only read: nobody may ever write through one into somebody else's store. */
  static async create(parent: string, mayLink: boolean, context: FormatContext): Promise<BlobStaging> {
    await mkdir(parent, { recursive: true });
    return new BlobStaging(await mkdtemp(join(parent, '.layermill-')), mayLink, context);
  }

  has(digest: Digest): boolean {
    return this.#blobs.has(digest);
  }

  /** Every blob and where it is. */
  *blobs(): Generator<[Digest, BlobRef & { size: number }]> {
    for (const [digest, { size }] of this.#blobs) yield [digest, { path: this.#place(digest), size }];
  }

  /** A blob that is there, or is on its way, is not taken again. */
  async put(digest: Digest, blob: BlobRef & { size: number }, move: boolean): Promise<void> {
    const known = this.#blobs.get(digest);
    if (known !== undefined) {
      await known.done;
      if (move) await rm(blob.path, { force: true });
      return;
    }
    const done = this.#take(digest, blob, move);
    this.#blobs.set(digest, { size: blob.size, done });
    try {
      await done;
    } catch (error) {
      this.#blobs.delete(digest);
      throw error;
    }
  }

  /** Stages a document; answers its digest. */
  async putBytes(bytes: Buffer, digest: Digest = sha256Digest(bytes)): Promise<Digest> {
    if (!this.#blobs.has(digest)) {
      const done = writeFile(this.#place(digest), bytes);
      this.#blobs.set(digest, { size: bytes.length, done });
    }
    await this.#blobs.get(digest)?.done;
    return digest;
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }

  #place(digest: Digest): string {
    return join(this.path, digestHex(digest));
  }

  async #take(digest: Digest, blob: BlobRef & { size: number }, move: boolean): Promise<void> {
    const isWhole = blob.offset === undefined && blob.length === undefined;
    if (isWhole && move && (await succeeds(rename(blob.path, this.#place(digest))))) return;
    if (isWhole && !move && this.#mayLink && (await succeeds(link(blob.path, this.#place(digest))))) return;
    const input = { blob: { ...blob, digest }, to: this.#place(digest) };
    await this.#context.pool.run('blob.copy', input, { signal: this.#context.signal });
    if (move) await rm(blob.path, { force: true });
  }
}

/** False where the file system cannot do it: across devices, or without the right to link. */
async function succeeds(work: Promise<void>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (['EXDEV', 'EPERM', 'EMLINK', 'EOPNOTSUPP'].includes(errnoOf(error) ?? '')) return false;
    throw error;
  }
}
