import type { BlobCache } from '../../cache/blob-cache.ts';
import type { Compression } from '../../compression/codec.ts';
import type { Digest } from '../../identity/digest.ts';
import type { SourceLayer } from '../../image/image-source.ts';
import { KeyedLock } from '../../streams/keyed-lock.ts';
import type { BlobDigest } from '../../tasks/task-map.ts';

/** What packing layers anew has taught, in this run and by the cache in earlier ones; all destinations of a run share it. */
export class PackedLayers {
  readonly #cache: BlobCache | null;
  /** DiffIDs of packed blobs that were unpacked. */
  readonly #proven = new Map<Digest, Digest>();
  /** By DiffID and profile: what packing gave, the first time. */
  readonly #results = new Map<string, BlobDigest>();
  readonly #lock = new KeyedLock();

  constructor(cache: BlobCache | null) {
    this.#cache = cache;
  }

  /** What an earlier part of the run has found out. */
  recall(digest: Digest, diffId: Digest, profile: string, result: BlobDigest): void {
    this.#results.set(`${diffId} ${profile}`, result);
    if (digest !== diffId) this.#proven.set(digest, diffId);
  }

  /** Whether the DiffID is what the layer is known by, or was found in the blob that it is known by. */
  async isProven({ blob, diffId }: SourceLayer, compression: Compression): Promise<boolean> {
    const { digest } = blob;
    if (compression === 'none' || digest === undefined || digest === diffId) return true;
    return (this.#proven.get(digest) ?? (await this.#cache?.diffIdOf(digest))) === diffId;
  }

  /** What packing the tar of a DiffID by this profile gave. */
  async resultOf(diffId: Digest, profile: string): Promise<BlobDigest | null> {
    return this.#results.get(`${diffId} ${profile}`) ?? (await this.#cache?.resultOf(diffId, profile)) ?? null;
  }

  /** Two destinations that want the same pack it one after the other: the second finds it packed. */
  alone<Value>(key: string, work: () => Promise<Value>, signal: AbortSignal): Promise<Value> {
    return this.#lock.run(key, work, signal);
  }

  /** Copies what was packed before into the new file `to`; false where nobody has kept it. */
  async bring(known: BlobDigest, to: string, signal: AbortSignal): Promise<boolean> {
    return this.#cache !== null && this.#cache.bring(known, to, signal);
  }

  /** Others with the same tar need not pack it. */
  async note(
    { blob, diffId }: SourceLayer,
    compression: Compression,
    profile: string,
    made: BlobDigest,
    file: string,
  ): Promise<void> {
    this.#results.set(`${diffId} ${profile}`, made);
    if (profile !== 'none') await this.#cache?.keepResult(diffId, profile, made, file);
    if (compression === 'none' || blob.digest === undefined) return;
    this.#proven.set(blob.digest, diffId);
    await this.#cache?.noteDiffId(blob.digest, diffId);
  }
}
