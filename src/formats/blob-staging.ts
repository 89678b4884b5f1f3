import { link, mkdir, mkdtemp, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoOf } from '../errors/system-error.ts';
import { type Digest, digestHex, sha256Digest } from '../identity/digest.ts';
import { syncFile } from '../streams/atomic-file.ts';
import { makeDirectories } from '../streams/make-directories.ts';
import type { BlobRef } from '../streams/blob-ref.ts';
import type { FormatContext } from './context.ts';
import { holdsFile } from './directory-file.ts';

export interface StagingOptions {
  /**
   * Whether a blob that stays where it is may be a second name of it instead of a copy. Only for staging that is only read:
   * nobody may ever write through one into somebody else's store.
   */
  mayLink: boolean;
  /** The name under which unfinished work stays for a later run; without it, it goes when this one ends. */
  resume?: string | undefined;
}

interface Staged {
  size: number;
  /** Set when it is here, whole. */
  isHere: boolean;
  /** Rejects when it could not be taken, or is not the blob that it should be. */
  done: Promise<void>;
}

/**
 * Blobs that wait, beside their destination, for everything to be there. Under the name of a run that may be gone on with,
 * each one is whole and on the disk as soon as it has its name, so that a later run can trust it.
 */
export class BlobStaging {
  readonly path: string;
  readonly #context: FormatContext;
  readonly #options: StagingOptions;
  readonly #blobs = new Map<Digest, Staged>();
  #isFinished = false;
  #unfinished = 0;

  /** The first of the directories above it that were made for it. */
  readonly #made: string | undefined;

  private constructor(path: string, made: string | undefined, options: StagingOptions, context: FormatContext) {
    this.path = path;
    this.#made = made;
    this.#options = options;
    this.#context = context;
  }

  static async create(parent: string, options: StagingOptions, context: FormatContext): Promise<BlobStaging> {
    const made = await makeDirectories(parent);
    if (options.resume === undefined)
      return new BlobStaging(await mkdtemp(join(parent, '.layermill-')), made, options, context);
    const path = join(parent, `.layermill-${options.resume}`);
    await mkdir(path, { recursive: true, mode: 0o700 });
    const staging = new BlobStaging(path, made, options, context);
    await staging.#tidy();
    return staging;
  }

  /** Waits for one that is on its way: it may turn out to be another. One of an earlier run must have this size. */
  async has(digest: Digest, size: number): Promise<boolean> {
    for (let known = this.#blobs.get(digest); known !== undefined; known = this.#blobs.get(digest))
      if (await this.#hasCome(digest, known)) return true;
    if (this.#options.resume === undefined || !(await holdsFile(this.#place(digest), size))) return false;
    this.#blobs.set(digest, { size, isHere: true, done: Promise.resolve() });
    return true;
  }

  /** A blob that is here; null when it is not. */
  blob(digest: Digest): (BlobRef & { size: number }) | null {
    const known = this.#blobs.get(digest);
    return known === undefined ? null : { path: this.#place(digest), size: known.size };
  }

  /** A file that is here from this run or the one that it goes on with; null when it is not. */
  file(digest: Digest): string | null {
    return this.#options.resume === undefined && !this.#blobs.has(digest) ? null : this.#place(digest);
  }

  /** Every blob that has come, and where it is. */
  *blobs(): Generator<[Digest, BlobRef & { size: number }]> {
    for (const [digest, { size, isHere }] of this.#blobs)
      if (isHere) yield [digest, { path: this.#place(digest), size }];
  }

  /** A blob that is there, or comes from somebody else, is not taken again. */
  async put(digest: Digest, blob: BlobRef & { size: number }, move: boolean): Promise<void> {
    for (let known = this.#blobs.get(digest); known !== undefined; known = this.#blobs.get(digest)) {
      if (!(await this.#hasCome(digest, known))) continue;
      if (move) await rm(blob.path, { force: true });
      return;
    }
    const done = this.#take(digest, blob, move);
    const own = { size: blob.size, isHere: false, done };
    this.#blobs.set(digest, own);
    if (!(await this.#hasCome(digest, own))) await done;
  }

  /** Stages a document; answers its digest. */
  async putBytes(bytes: Buffer, digest: Digest = sha256Digest(bytes)): Promise<Digest> {
    for (let known = this.#blobs.get(digest); known !== undefined; known = this.#blobs.get(digest))
      if (await this.#hasCome(digest, known)) return digest;
    const done = this.#write(digest, bytes);
    const own = { size: bytes.length, isHere: false, done };
    this.#blobs.set(digest, own);
    if (!(await this.#hasCome(digest, own))) await done;
    return digest;
  }

  /** Nothing is left to go on with: `remove` removes all. */
  finish(): void {
    this.#isFinished = true;
  }

  /**
   * Removes what is staged, and the directories that were made for it unless something is in them now. Unfinished work that
   * a later run goes on with stays.
   */
  async remove(): Promise<void> {
    if (this.#options.resume !== undefined && !this.#isFinished && (await this.#tidy())) return;
    await rm(this.path, { recursive: true, force: true });
    if (this.#made === undefined) return;
    for (let dir = dirname(this.path); dir.startsWith(this.#made); dir = dirname(dir))
      if (!(await succeeds(rmdir(dir), ['ENOTEMPTY', 'EEXIST', 'ENOENT']))) return;
  }

  /** What did not come is forgotten, so that the next one who brings it is asked for it. */
  async #hasCome(digest: Digest, blob: Staged): Promise<boolean> {
    try {
      await blob.done;
      blob.isHere = true;
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
    const { resume, mayLink } = this.#options;
    if (isWhole && move && (await this.#rename(digest, blob.path))) return;
    const { signal } = this.#context;
    const staged = resume === undefined ? this.#place(digest) : this.#unnamed();
    if (isWhole && !move && mayLink && (await succeeds(link(blob.path, staged)))) {
      await this.#verifyLink({ ...blob, digest }, staged);
    } else {
      await this.#context.pool.run('blob.copy', { blob: { ...blob, digest }, to: staged }, { signal });
      if (move) await rm(blob.path, { force: true });
    }
    if (staged !== this.#place(digest)) await this.#rename(digest, staged);
  }

  /** What a later run finds under the name of a blob is on the disk. */
  async #rename(digest: Digest, from: string): Promise<boolean> {
    if (this.#options.resume !== undefined) await syncFile(from);
    return succeeds(rename(from, this.#place(digest)));
  }

  /** Written anew also when it is there: who was killed may have left half of it. */
  async #write(digest: Digest, bytes: Buffer): Promise<void> {
    const unnamed = this.#unnamed();
    await writeFile(unnamed, bytes);
    await rename(unnamed, this.#place(digest));
  }

  #unnamed(): string {
    return join(this.path, `${UNNAMED}${this.#unfinished++}`);
  }

  /** Removes what has no name yet; answers whether there is anything else. */
  async #tidy(): Promise<boolean> {
    const names = await readdir(this.path);
    const unnamed = names.filter((name) => name.startsWith(UNNAMED));
    for (const name of unnamed) await rm(join(this.path, name), { recursive: true, force: true });
    return names.length > unnamed.length;
  }
}

/** Begins the names of what is not a whole blob yet, or no blob at all: nobody goes on with that. */
export const UNNAMED = 'new-';

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
