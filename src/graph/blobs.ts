import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Digest, digestAlgorithm, digestHex } from '../identity/digest.ts';
import type { BlobRef } from '../streams/blob-ref.ts';

/** Layers as they came, packed: `<store>/blobs/sha256/<hex>`, so that an export can give the same manifest again. */
export class BlobStore {
  readonly #root: string;

  constructor(storeRoot: string) {
    this.#root = join(storeRoot, 'blobs');
  }

  path(digest: Digest): string {
    return join(this.#root, digestAlgorithm(digest), digestHex(digest));
  }

  async has(digest: Digest): Promise<boolean> {
    return stat(this.path(digest)).then(
      () => true,
      () => false,
    );
  }

  /** A kept blob as something to read, to be checked while it is read. */
  ref(digest: Digest, size: number): BlobRef {
    return { path: this.path(digest), digest, size };
  }

  /** Takes a file whose digest was verified. */
  async adopt(path: string, digest: Digest): Promise<void> {
    const target = this.path(digest);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await rename(path, target);
  }

  async remove(digest: Digest): Promise<void> {
    await rm(this.path(digest), { force: true });
  }
}
