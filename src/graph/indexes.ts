import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../errors/system-error.ts';
import { type Digest, digestAlgorithm, digestHex } from '../identity/digest.ts';
import type { Platform } from '../image/image-source.ts';
import { writeFileAtomic } from '../streams/atomic-file.ts';

/** A multi-platform index that came with images: what a name means for each platform. */
export interface KeptIndex {
  digest: Digest;
  mediaType: string;
  /** In index order. `id` is the head here; null for what is no image, or did not come. */
  members: { digest: Digest; platform: Platform | null; id: string | null }[];
  /** Blobs of members that are no images, kept with it. */
  attachments: { digest: Digest; size: number }[];
}

type Names = Record<string, KeptIndex>;

/** Raw indexes in `indexes/sha256/<hex>`, and `indexes/names.json`: which name pointed to which. */
export class IndexStore {
  readonly #root: string;

  constructor(storeRoot: string) {
    this.#root = join(storeRoot, 'indexes');
  }

  async of(name: string): Promise<KeptIndex | null> {
    const names = await this.#names();
    return Object.hasOwn(names, name) ? names[name]! : null;
  }

  raw(digest: Digest): Promise<Buffer> {
    return readFile(this.#path(digest));
  }

  /** Called under the store's lock. */
  async keep(names: readonly string[], raw: Buffer, index: KeptIndex): Promise<void> {
    await mkdir(join(this.#root, digestAlgorithm(index.digest)), { recursive: true, mode: 0o700 });
    await writeFileAtomic(this.#path(index.digest), raw);
    const known = await this.#names();
    for (const name of names) known[name] = index;
    await this.#save(known);
  }

  /** A name that means something else now. Called under the store's lock. */
  async forget(name: string): Promise<void> {
    const known = await this.#names();
    if (!Object.hasOwn(known, name)) return;
    delete known[name];
    await this.#save(known);
  }

  async #save(names: Names): Promise<void> {
    await writeFileAtomic(join(this.#root, 'names.json'), JSON.stringify(names));
  }

  async #names(): Promise<Names> {
    try {
      return JSON.parse(await readFile(join(this.#root, 'names.json'), 'utf8')) as Names;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return {};
      throw error;
    }
  }

  #path(digest: Digest): string {
    return join(this.#root, digestAlgorithm(digest), digestHex(digest));
  }
}
