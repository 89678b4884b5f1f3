import { link, mkdir, mkdtemp, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoOf } from '../errors/system-error.ts';
import { type Digest, digestHex, sha256Digest } from '../identity/digest.ts';
import type { BlobRef } from '../streams/blob-ref.ts';
import type { FormatContext } from './context.ts';

interface Staged {
  size: number;
  /** Rejects when it could not be taken, or is not the blob that it should be. */
  done: Promise<void>;
}

/** Blobs that wait, beside their destination, for everything to be there. */
export class BlobStaging {
  readonly path: string;
  readonly #context: FormatContext;
  /** Whether a blob that stays where it is may be a second name of it instead of a copy. */
  readonly #mayLink: boolean;
  readonly #blobs = new Map<Digest, Staged>();

  /** The first of the directories above it that were made for it. */
  readonly #made: string | undefined;

  private constructor(path: string, made: string | undefined, mayLink: boolean, context: FormatContext) {
    this.path = path;
    this.#made = made;
    this.#mayLink = mayLink;
    this.#context = context;
  }

  /** Links are for staging that is only read: nobody may ever write through one into somebody else's store. */
  static async create(parent: string, mayLink: boolean, context: FormatContext): Promise<BlobStaging> {
    const made = await mkdir(parent, { recursive: true });
    return new BlobStaging(await mkdtemp(join(parent, '.layermill-')), made, mayLink, context);
  }

  /** Waits for one that is on its way: it may turn out to be another. */
  async has(digest: Digest): Promise<boolean> {
    for (let known = this.#blobs.get(digest); known !== undefined; known = this.#blobs.get(digest))
      if (await this.#hasCome(digest, known)) return true;
    return false;
  }

  /** A blob that is here; null when it is not. */
  blob(digest: Digest): (BlobRef & { size: number }) | null {
    const known = this.#blobs.get(digest);
    return known === undefined ? null : { path: this.#place(digest), size: known.size };
  }

  /** Every blob and where it is. */
  *blobs(): Generator<[Digest, BlobRef & { size: number }]> {
    for (const [digest, { size }] of this.#blobs) yield [digest, { path: this.#place(digest), size }];
  }

  /** A blob that is there, or comes from somebody else, is not taken again. */
  async put(digest: Digest, blob: BlobRef & { size: number }, move: boolean): Promise<void> {
    for (let known = this.#blobs.get(digest); known !== undefined; known = this.#blobs.get(digest)) {
      if (!(await this.#hasCome(digest, known))) continue;
      if (move) await rm(blob.path, { force: true });
      return;
    }
    const done = this.#take(digest, blob, move);
    const own = { size: blob.size, done };
    this.#blobs.set(digest, own);
    if (!(await this.#hasCome(digest, own))) await done;
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

  /** Removes what is staged, and the directories that were made for it unless something is in them now. */
  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
    if (this.#made === undefined) return;
    for (let dir = dirname(this.path); dir.startsWith(this.#made); dir = dirname(dir))
      if (!(await succeeds(rmdir(dir), ['ENOTEMPTY', 'EEXIST', 'ENOENT']))) return;
  }

  /** What did not come is forgotten, so that the next one who brings it is asked for it. */
  async #hasCome(digest: Digest, blob: Staged): Promise<boolean> {
    try {
      await blob.done;
      return true;
    } catch {
      if (this.#blobs.get(digest) === blob) this.#blobs.delete(digest);
      return false;
    }
  }

  async #verifyLink(blob: BlobRef, staged: string): Promise<void> {
    try {
      await this.#context.pool.run('blob.digest', { blob }, { signal: this.#context.signal });
    } catch (error) {
      await rm(staged, { force: true });
      throw error;
    }
  }

  #place(digest: Digest): string {
    return join(this.path, digestHex(digest));
  }

  async #take(digest: Digest, blob: BlobRef & { size: number }, move: boolean): Promise<void> {
    const isWhole = blob.offset === undefined && blob.length === undefined;
    if (isWhole && move && (await succeeds(rename(blob.path, this.#place(digest))))) return;
    const { signal } = this.#context;
    if (isWhole && !move && this.#mayLink && (await succeeds(link(blob.path, this.#place(digest))))) {
      await this.#verifyLink({ ...blob, digest }, this.#place(digest));
      return;
    }
    const input = { blob: { ...blob, digest }, to: this.#place(digest) };
    await this.#context.pool.run('blob.copy', input, { signal });
    if (move) await rm(blob.path, { force: true });
  }
}

/** Across devices, or without the right to link. */
const CANNOT = ['EXDEV', 'EPERM', 'EMLINK', 'EOPNOTSUPP'];

/** False where the file system says no for one of these reasons. */
async function succeeds(work: Promise<void>, reasons: readonly string[] = CANNOT): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (reasons.includes(errnoOf(error) ?? '')) return false;
    throw error;
  }
}
