import type { EngineError } from '../errors/engine-error.ts';
import type { Digest } from '../identity/digest.ts';

/** Takes bytes that are valid until it returns, or until what it answers resolves. */
export type Take = (chunk: Buffer) => Promise<void> | void;

/** Hands over the bytes from `start` to before `end` as they come, unchecked. */
export type Pour = (start: number, end: number, take: Take, signal?: AbortSignal) => Promise<void>;

/** Bytes that a source has to fetch or to rebuild before a thread can read them from a file. */
export interface PendingBlob {
  /** What a manifest promises of the bytes, where there is one. */
  readonly digest?: Digest;
  /** Bytes; of a layer that has to be rebuilt it may be an estimate, and then `digest` is missing. */
  readonly size?: number;
  /** `HOST/REPOSITORY` of a registry that has them: a destination in the same registry may take them from there. */
  readonly origin?: string;
  /** Why the bytes cannot be had, where that was seen already; `obtain` throws it. */
  readonly problem?: EngineError;
  /** Asks how many bytes there are, without fetching them; null when they are missing. */
  probe?(signal?: AbortSignal): Promise<number | null>;
  /** For who passes the bytes on at once, and checks them. */
  pour?: Pour;
  /**
   * Writes the bytes into the new file `to` and checks what was promised of them; when that fails, no file stays.
   * May be called again, after a failure too. Throws what the source finds wrong: DIGEST_MISMATCH, SIZE_MISMATCH, ….
   */
  obtain(to: string, options: ObtainOptions): Promise<{ path: string; size: number; digest: Digest }>;
}

export interface ObtainOptions {
  signal?: AbortSignal | undefined;
  /** Told of the bytes that have come so far. */
  onProgress?: ((bytes: number) => void) | undefined;
  /** Waits until that many bytes more may be written; not asked for bytes whose `size` was known. */
  room?: ((bytes: number) => Promise<void>) | undefined;
  /** Told of what did not stop it: a layer that could only be rebuilt, a file that was left out. */
  onWarning?: ((warning: { code: string; message: string; entry?: string }) => void) | undefined;
}

export function isPending(blob: object): blob is PendingBlob {
  return 'obtain' in blob;
}
