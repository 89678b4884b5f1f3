import { createHash } from 'node:crypto';
import { link, mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hasCode, isEngineError } from '../errors/kinds.ts';
import { errnoOf } from '../errors/system-error.ts';
import { asEngineError } from '../errors/wire.ts';
import { type Digest, digestHex, isDigest } from '../identity/digest.ts';
import { writeFileAtomic } from '../streams/atomic-file.ts';
import type { BlobDigest } from '../tasks/task-map.ts';
import type { TaskPool } from '../tasks/task-pool.ts';
import { evict } from './evict.ts';

export interface BlobCacheOptions {
  /** Made when the first thing is kept. */
  dir: string;
  /** Bytes of blobs that may stay when the cache is closed. */
  maxBytes: number;
  pool: TaskPool;
  /** Told once why the cache is of no use, if it is: it never makes a run fail. */
  onTrouble: (message: string) => void;
}

/**
 * What packing layers anew has taught, kept between runs: which DiffID a packed blob has (proven by unpacking it), and
 * what the tar of a DiffID becomes by a profile. The blobs are in `blobs/sha256`, the two notes in `diff-ids` and
 * `results`; `used` says when a blob was last of use. Several processes may use one directory.
 */
export class BlobCache {
  readonly #options: BlobCacheOptions;
  #troubled = false;
  #grown = false;

  constructor(options: BlobCacheOptions) {
    this.#options = options;
  }

  /** The DiffID of a packed blob, when somebody here has unpacked it once. */
  async diffIdOf(blob: Digest): Promise<Digest | null> {
    const text = await this.#read(this.#path('diff-ids', nameOf(blob)));
    const diffId = text?.trim() ?? '';
    return isDigest(diffId) ? diffId : null;
  }

  async noteDiffId(blob: Digest, diffId: Digest): Promise<void> {
    await this.#keep(() => writeNote(this.#path('diff-ids', nameOf(blob)), `${diffId}\n`));
  }

  /** What the tar of `diffId` became by a profile (see `profileText`) when it was first packed by it. */
  async resultOf(diffId: Digest, profile: string): Promise<BlobDigest | null> {
    const text = await this.#read(this.#resultPath(diffId, profile));
    return text === null ? null : decodeResult(text, diffId, profile);
  }

  /** Keeps a blob that was just made, by a second name where that can be, and notes what it is. */
  async keepResult(diffId: Digest, profile: string, { digest, size }: BlobDigest, file: string): Promise<void> {
    await this.#keep(async () => {
      const to = this.#blobPath(digest);
      await mkdir(dirname(to), { recursive: true, mode: 0o700 });
      await this.#take(file, to);
      await writeNote(this.#resultPath(diffId, profile), JSON.stringify({ diffId, profile, digest, size }));
      this.#grown = true;
    });
  }

  /** Copies a blob out, hashed again on the way; false when it is not here, or was damaged and is now gone. */
  async bring({ digest, size }: BlobDigest, to: string, signal: AbortSignal | undefined): Promise<boolean> {
    const path = this.#blobPath(digest);
    try {
      await this.#options.pool.run('blob.copy', { blob: { path, size, digest }, to }, { signal });
      await this.#noteUse(digest).catch(() => {});
      return true;
    } catch (error) {
      if (isEngineError(error) && error.kind === 'Cancelled') throw error;
      await rm(to, { force: true });
      if (['DIGEST_MISMATCH', 'SIZE_MISMATCH'].some((code) => hasCode(error, code as 'DIGEST_MISMATCH')))
        await rm(path, { force: true });
      return false;
    }
  }

  /** Removes what was used longest ago until the rest fits. */
  async close(): Promise<void> {
    if (!this.#grown) return;
    const { dir, maxBytes } = this.#options;
    await this.#keep(() => evict(join(dir, 'blobs', 'sha256'), join(dir, 'used'), maxBytes));
  }

  /** Not by the time of the blob: destinations have the same file, and who reads it there sees that it changed. */
  async #noteUse(digest: Digest): Promise<void> {
    const path = join(this.#options.dir, 'used', digestHex(digest));
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, '', { mode: 0o600 });
    const now = new Date();
    await utimes(path, now, now);
  }

  async #take(file: string, to: string): Promise<void> {
    try {
      await link(file, to);
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return;
      const beside = `${to}.${process.pid}`;
      await this.#options.pool.run('blob.copy', { blob: { path: file }, to: beside });
      await link(beside, to).catch(() => {});
      await rm(beside, { force: true });
    }
  }

  #path(kind: 'diff-ids' | 'results', name: string): string {
    return join(this.#options.dir, kind, name.slice(0, 2), name);
  }

  #resultPath(diffId: Digest, profile: string): string {
    return this.#path('results', createHash('sha256').update(`${diffId} ${profile}`).digest('hex'));
  }

  #blobPath(digest: Digest): string {
    return join(this.#options.dir, 'blobs', 'sha256', digestHex(digest));
  }

  async #read(path: string): Promise<string | null> {
    return readFile(path, 'utf8').catch(() => null);
  }

  async #keep(work: () => Promise<void>): Promise<void> {
    if (this.#troubled) return;
    try {
      await work();
    } catch (error) {
      this.#troubled = true;
      this.#options.onTrouble(
        `the cache in ${this.#options.dir} takes nothing more in this run: ${asEngineError(error).message}`,
      );
    }
  }
}

/** sha512 digests have a place of their own. */
function nameOf(digest: Digest): string {
  return digest.startsWith('sha256:') ? digestHex(digest) : digest.replace(':', '-');
}

/** The first note stays: whoever packs the same tar elsewhere may get other bytes. */
async function writeNote(path: string, text: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => null)) !== null) return;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, Buffer.from(text), { mode: 0o600, sync: false });
}

function decodeResult(text: string, diffId: Digest, profile: string): BlobDigest | null {
  try {
    const note = JSON.parse(text) as Record<string, unknown>;
    const { digest, size } = note;
    if (note['diffId'] !== diffId || note['profile'] !== profile) return null;
    if (typeof digest !== 'string' || !isDigest(digest) || typeof size !== 'number' || !Number.isSafeInteger(size))
      return null;
    return { digest, size };
  } catch {
    return null;
  }
}
