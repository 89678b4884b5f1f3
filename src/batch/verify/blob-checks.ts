import { mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { engineError } from '../../errors/kinds.ts';
import type { EngineError } from '../../errors/engine-error.ts';
import { errnoOf } from '../../errors/system-error.ts';
import { asEngineError } from '../../errors/wire.ts';
import type { Digest } from '../../identity/digest.ts';
import { isPending, type PendingBlob } from '../../image/pending-blob.ts';
import type { BlobRef } from '../../streams/blob-ref.ts';
import { Budget } from '../../streams/byte-budget.ts';
import { SpoolBudget } from '../../streams/spool-budget.ts';
import { toldError, type VerifyContext, type VerifyLevel } from './verified-image.ts';

/** A blob of some image; of a layer with what its config says of it. */
export interface BlobToCheck {
  blob: BlobRef | PendingBlob;
  diffId: Digest | null;
  isLayer: boolean;
}

/** Looks at blobs as closely as the level says, each once for all images that have it. */
export class BlobChecks implements AsyncDisposable {
  readonly #level: VerifyLevel;
  readonly #context: VerifyContext;
  readonly #room: Budget;
  readonly #spool: SpoolBudget;
  readonly #begun = new Map<string, Promise<EngineError | null>>();
  #dir: Promise<string> | null = null;
  #files = 0;
  /** Of blobs that nothing tells from others. */
  readonly #numbers = new Map<PendingBlob, number>();

  constructor(level: VerifyLevel, context: VerifyContext) {
    this.#level = level;
    this.#context = context;
    // Threads are kept busy while others wait for registries.
    this.#room = new Budget(Math.max(context.jobs, context.formats.pool.threads + 1));
    this.#spool = context.formats.spool ?? new SpoolBudget(Infinity);
  }

  /** What is wrong with it, or null. Rejects only with what ends the whole: CANCELLED, INTERNAL. */
  async check(asked: BlobToCheck): Promise<EngineError | null> {
    const { blob } = asked;
    if (this.#level === 'exists') return null;
    if (isPending(blob) && blob.problem !== undefined) return blob.problem;
    const there = await this.once(`there ${placeOf(blob)} ${this.#nameOf(blob)} ${blob.size}`, () =>
      this.#isThere(blob),
    );
    if (there !== null || this.#level === 'digests') return there;
    const diffId = this.#level === 'diffids' || blob.digest === undefined ? asked.diffId : null;
    const unpacked = diffId !== null || (asked.isLayer && blob.digest === undefined);
    return this.once(`bytes ${storageOf(blob)} ${this.#nameOf(blob)} ${diffId}`, () =>
      this.#readAll(blob, unpacked ? { diffId } : null),
    );
  }

  /** Resolves when nothing is looked at any more. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#begun.values());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.idle();
    if (this.#dir !== null) await rm(await this.#dir, { recursive: true, force: true });
  }

  /** In its place. */
  #nameOf(blob: BlobRef | PendingBlob): string {
    if (!isPending(blob)) return `${blob.digest} ${blob.offset} ${blob.length}`;
    if (blob.digest !== undefined && blob.origin !== undefined) return blob.digest;
    const number = this.#numbers.get(blob) ?? this.#numbers.size;
    this.#numbers.set(blob, number);
    return `#${number}`;
  }

  /** What `work` finds wrong, or null; done by the first who asks for it. */
  once(key: string, work: () => Promise<void>): Promise<EngineError | null> {
    const known = this.#begun.get(key);
    if (known !== undefined) return known;
    const checked = this.#found(work);
    this.#begun.set(key, checked);
    return checked;
  }

  async #found(work: () => Promise<void>): Promise<EngineError | null> {
    const leave = await this.#room.acquire(1, this.#context.formats.signal);
    try {
      await work();
      return null;
    } catch (thrown) {
      return toldError(thrown);
    } finally {
      leave();
    }
  }

  async #isThere(blob: BlobRef | PendingBlob): Promise<void> {
    const { digest, size } = blob;
    const length = isPending(blob) ? await probed(blob, this.#context.formats.signal) : await lengthOf(blob);
    if (length === null)
      throw engineError('BLOB_MISSING', `the blob ${digest} is not in ${placeOf(blob)}`, { digest: digest ?? '' });
    if (size === undefined || length === undefined || length === size) return;
    const what = digest ?? placeOf(blob);
    const message = `the blob ${what} has ${length} bytes, not the ${size} it is said to have`;
    throw engineError('SIZE_MISMATCH', message, { what, expected: size, actual: length });
  }

  async #readAll(blob: BlobRef | PendingBlob, unpacked: { diffId: Digest | null } | null): Promise<void> {
    if (!isPending(blob)) return this.#inThread(blob, unpacked);
    const { signal } = this.#context.formats;
    const share = this.#spool.share();
    const path = join(await this.#directory(), `blob-${this.#files++}`);
    try {
      const { size, digest } = blob;
      if (size !== undefined) await share.grow(size, signal);
      const room = (bytes: number): Promise<void> => share.grow(bytes, signal);
      // Who obtains it checks what was promised of the bytes.
      await blob.obtain(path, { signal, ...(size === undefined ? { room } : {}) });
      if (unpacked !== null) await this.#inThread({ path, ...(digest === undefined ? {} : { digest }) }, unpacked);
      else this.#context.onBytes?.(size ?? 0);
    } finally {
      await rm(path, { force: true });
      share.release();
    }
  }

  async #inThread(blob: BlobRef, unpacked: { diffId: Digest | null } | null): Promise<void> {
    const { pool, limits, signal } = this.#context.formats;
    let before = 0;
    const onProgress = ({ bytesIn }: { bytesIn: number }): void => {
      this.#context.onBytes?.(bytesIn - before);
      before = bytesIn;
    };
    const run = { signal, onProgress, ...(blob.size === undefined ? {} : { rank: blob.size }) };
    if (unpacked === null) {
      await pool.run('blob.digest', { blob }, run);
      return;
    }
    const expected = unpacked.diffId === null ? {} : { diffId: unpacked.diffId };
    try {
      await pool.run('layer.digest', { source: { from: 'blob', blob }, expected, limits }, run);
    } catch (thrown) {
      // What cannot be unpacked is, most often, not what it should be in the first place.
      if (blob.digest !== undefined && asEngineError(thrown).kind === 'Archive')
        await pool.run('blob.digest', { blob }, { signal });
      throw thrown;
    }
  }

  #directory(): Promise<string> {
    this.#dir ??= mkdtemp(join(this.#context.formats.tempDir, 'layermill-verify-'));
    return this.#dir;
  }
}

/** The file, or the repository, that has it. */
export function placeOf(blob: BlobRef | PendingBlob): string {
  return isPending(blob) ? (blob.origin ?? 'its source') : blob.path;
}

/** Repositories of one registry have their bytes in common; whether they list a blob is a question of each. */
function storageOf(blob: BlobRef | PendingBlob): string {
  const place = placeOf(blob);
  return isPending(blob) ? place.slice(0, place.indexOf('/')) : place;
}

async function probed(blob: PendingBlob, signal: AbortSignal | undefined): Promise<number | null | undefined> {
  return blob.probe === undefined ? blob.size : blob.probe(signal);
}

async function lengthOf({ path, length }: BlobRef): Promise<number | null> {
  if (length !== undefined) return length;
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}
