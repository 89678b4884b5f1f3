import { type FileHandle, open, readFile, rm } from 'node:fs/promises';
import { hasCode } from '../../errors/kinds.ts';
import { withPath } from '../../errors/system-error.ts';
import { type Digest, digestAlgorithm, digestMismatch } from '../../identity/digest.ts';
import { verifyBlob } from '../../image/manifest.ts';
import type { ResumableSha256, RunningSha256 } from '../../system/resumable-sha256.ts';
import type { TaskPool } from '../../tasks/task-pool.ts';
import { blobRequest, isRangeFrom, otherRange, refuseMissing, type RemoteBlob, wrongSize } from './blob-request.ts';
import type { Answer } from './exchange.ts';
import { MayPass } from './may-pass.ts';
import { Pieces } from './pieces.ts';
import type { TransferOptions } from './registry.ts';
import { progressOf, retrying } from './retrying.ts';
import type { Call, Wire } from './wire.ts';

/** Below, a task would take longer to start than to hash. */
const SMALL_BYTES = 1024 * 1024;

export interface Download extends RemoteBlob {
  to: string;
}

/** What checks the bytes: while they are written where the first can do it, or by a task afterwards. */
export interface Checkers {
  sha256: ResumableSha256 | null;
  pool: TaskPool;
}

/**
 * Fetches a blob into a new file, which is gone again when that fails. A broken connection is gone on with by a range, and
 * never with bytes that could be of another answer. Throws BLOB_MISSING, SIZE_MISMATCH, DIGEST_MISMATCH and what a request
 * ends in.
 */
export async function download(
  wire: Wire,
  checkers: Checkers,
  blob: Download,
  { signal, onProgress }: TransferOptions,
): Promise<void> {
  const file = await open(blob.to, 'wx', 0o600);
  try {
    const transfer = new Transfer(wire, file, blob, { onProgress, sha256: sha256For(blob, checkers) });
    await transfer.fill(signal);
    try {
      await transfer.check(checkers.pool, signal);
    } catch (error) {
      // A blob put together from two answers gets a second chance, in one piece.
      if (!transfer.resumed || !hasCode(error, 'DIGEST_MISMATCH')) throw error;
      await transfer.again(signal);
      await transfer.check(checkers.pool, signal);
    }
  } catch (error) {
    await rm(blob.to, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

function sha256For({ digest }: Download, { sha256 }: Checkers): ResumableSha256 | null {
  return digestAlgorithm(digest) === 'sha256' ? sha256 : null;
}

async function checkFile(
  pool: TaskPool,
  { to, digest, size }: Download,
  signal: AbortSignal | undefined,
): Promise<void> {
  // A config is hashed here: whoever waits for it would wait for a thread to start.
  if (size <= SMALL_BYTES) verifyBlob(await readFile(to), { digest, size }, 'the blob');
  else await pool.run('blob.digest', { blob: { path: to, digest, size } }, { signal });
}

interface Watching {
  onProgress: ((bytes: number) => void) | undefined;
  sha256: ResumableSha256 | null;
}

class Transfer {
  readonly #wire: Wire;
  readonly #file: FileHandle;
  readonly #blob: Download;
  readonly #onProgress: ((bytes: number) => void) | undefined;
  readonly #pieces: Pieces;
  #at = 0;
  #most = 0;
  #etag: string | null = null;
  #ranges = true;
  readonly #sha256: ResumableSha256 | null;
  /** Of what is in the file, up to `#at`. */
  #running: RunningSha256 | null;
  resumed = false;

  constructor(wire: Wire, file: FileHandle, blob: Download, { onProgress, sha256 }: Watching) {
    [this.#wire, this.#file, this.#blob, this.#onProgress] = [wire, file, blob, onProgress];
    [this.#sha256, this.#running] = [sha256, sha256?.start() ?? null];
    this.#pieces = new Pieces(blob.size, (piece, at) => this.#put(piece, at));
  }

  async fill(signal: AbortSignal | undefined): Promise<void> {
    const progress = (): number => progressOf(this.#most);
    await retrying(() => this.#attempt(signal), this.#wire.policy, signal, progress);
  }

  async again(signal: AbortSignal | undefined): Promise<void> {
    this.#ranges = false;
    await this.fill(signal);
  }

  /** Throws DIGEST_MISMATCH. */
  async check(pool: TaskPool, signal: AbortSignal | undefined): Promise<void> {
    const { digest } = this.#blob;
    if (this.#running === null) return checkFile(pool, this.#blob, signal);
    const found: Digest = `sha256:${this.#running.digest().toString('hex')}`;
    if (found !== digest) throw digestMismatch(digest, found);
  }

  async #attempt(signal: AbortSignal | undefined): Promise<void> {
    if (!this.#ranges) this.#at = 0;
    const whole = this.#at === this.#blob.size && this.#at > 0;
    if (whole) return;
    await this.#wire.once(this.#call(signal), (answer) => this.#take(answer));
  }

  #call(signal: AbortSignal | undefined): Call {
    const headers: Record<string, string> = {};
    if (this.#at > 0) {
      headers['range'] = `bytes=${this.#at}-`;
      if (this.#etag !== null) headers['if-range'] = this.#etag;
    }
    return blobRequest(this.#blob, headers, signal);
  }

  async #take(answer: Answer): Promise<void> {
    refuseMissing(answer, this.#blob.digest);
    if (answer.status === 416 || (answer.status === 206 && !this.#continues(answer))) throw this.#notThatRange(answer);
    if (answer.status === 200) await this.#restart();
    else this.resumed = true;
    this.#etag = strongEtag(answer);
    this.#refuseOtherSize(answer);
    await this.#write(answer);
  }

  #continues(answer: Answer): boolean {
    if (this.#at === 0 || !isRangeFrom(answer, this.#at, this.#blob)) return false;
    return this.#etag === null || strongEtag(answer) === null || strongEtag(answer) === this.#etag;
  }

  /** Whoever answers a range with another one is not asked for one again. */
  #notThatRange(answer: Answer): MayPass {
    this.#ranges = false;
    return otherRange(answer, this.#blob);
  }

  async #restart(): Promise<void> {
    this.#at = 0;
    this.#running = this.#sha256?.start() ?? null;
    await this.#file.truncate(0);
  }

  #refuseOtherSize(answer: Answer): void {
    const length = answer.header('content-length');
    if (length === undefined || this.#at + Number(length) === this.#blob.size) return;
    throw wrongSize(this.#blob, this.#at + Number(length));
  }

  async #write(answer: Answer): Promise<void> {
    const { size } = this.#blob;
    const pieces = this.#pieces;
    pieces.startAt(this.#at);
    try {
      await answer.pour((chunk) => {
        if (pieces.end + chunk.length > size) throw wrongSize(this.#blob, pieces.end + chunk.length);
        const taken = pieces.take(chunk);
        this.#onProgress?.(pieces.end);
        return taken;
      });
    } finally {
      // What came before the connection broke need not come again.
      await pieces.flush();
    }
    if (this.#at < size) throw this.#tooShort(answer);
  }

  async #put(piece: Buffer, at: number): Promise<void> {
    const hashing = this.#running?.updateAside(piece);
    try {
      await this.#writeAt(piece, at);
    } finally {
      await hashing;
    }
    this.#at = at + piece.length;
    this.#most = Math.max(this.#most, this.#at);
  }

  async #writeAt(piece: Buffer, at: number): Promise<void> {
    try {
      for (let from = 0; from < piece.length;)
        from += (await this.#file.write(piece, from, piece.length - from, at + from)).bytesWritten;
    } catch (error) {
      throw withPath(error, this.#blob.to);
    }
  }

  /** Without a length nobody can tell a short blob from a connection that was closed early. */
  #tooShort(answer: Answer): Error {
    const error = wrongSize(this.#blob, this.#at);
    return answer.header('content-length') === undefined ? new MayPass(error) : error;
  }
}

function strongEtag(answer: Answer): string | null {
  const etag = answer.header('etag');
  return etag === undefined || etag.startsWith('W/') ? null : etag;
}
