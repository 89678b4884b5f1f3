import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { engineError } from '../errors/kinds.ts';
import { errnoOf } from '../errors/system-error.ts';
import { type Digest, digestAlgorithm, digestHex, parseDigest } from '../identity/digest.ts';
import type { Platform } from '../image/image-source.ts';
import { parseStrictJson } from '../image/strict-json.ts';
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

const NAMES_FILE = 'names.json';
const LIMITS = { bytes: 256 * 1024 * 1024, depth: 16, layers: 0, nesting: 0 };

/** Raw indexes in `indexes/sha256/<hex>`, and `indexes/names.json`: which name pointed to which. */
export class IndexStore {
  readonly #root: string;

  constructor(storeRoot: string) {
    this.#root = join(storeRoot, 'indexes');
  }

  async of(name: string): Promise<KeptIndex | null> {
    return (await this.#names()).get(name) ?? null;
  }

  raw(digest: Digest): Promise<Buffer> {
    return readFile(this.#path(digest));
  }

  /** The blobs that are kept for the sake of an index. */
  async attachments(): Promise<Digest[]> {
    return [...(await this.#names()).values()].flatMap((index) => index.attachments.map(({ digest }) => digest));
  }

  /** Called under the store's lock. */
  async keep(names: readonly string[], raw: Buffer, index: KeptIndex): Promise<void> {
    if (names.length === 0) return;
    await mkdir(join(this.#root, digestAlgorithm(index.digest)), { recursive: true, mode: 0o700 });
    await writeFileAtomic(this.#path(index.digest), raw);
    const known = await this.#names();
    for (const name of names) known.set(name, index);
    await this.#save(known);
  }

  /** Names that mean something else now; answers the indexes that no name is left for. Called under the store's lock. */
  async forget(names: readonly string[]): Promise<KeptIndex[]> {
    const known = await this.#names();
    const forgotten = new Map<Digest, KeptIndex>();
    for (const name of names) {
      const index = known.get(name);
      if (known.delete(name)) forgotten.set(index!.digest, index!);
    }
    if (forgotten.size === 0) return [];
    await this.#save(known);
    for (const { digest } of known.values()) forgotten.delete(digest);
    for (const digest of forgotten.keys()) await rm(this.#path(digest), { force: true });
    return [...forgotten.values()];
  }

  async #save(names: ReadonlyMap<string, KeptIndex>): Promise<void> {
    await writeFileAtomic(join(this.#root, NAMES_FILE), JSON.stringify(Object.fromEntries(names)));
  }

  async #names(): Promise<Map<string, KeptIndex>> {
    const path = join(this.#root, NAMES_FILE);
    try {
      const value = parseStrictJson(await readFile(path), NAMES_FILE, LIMITS);
      return new Map(Object.entries(value as Record<string, unknown>).map(([name, index]) => [name, checked(index)]));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return new Map();
      throw error;
    }
  }

  #path(digest: Digest): string {
    return join(this.#root, digestAlgorithm(digest), digestHex(digest));
  }
}

/** What this file says becomes paths, so its digests are checked. */
function checked(value: unknown): KeptIndex {
  const { digest, mediaType, members, attachments } = (value ?? {}) as Partial<KeptIndex>;
  if (
    typeof digest !== 'string' ||
    typeof mediaType !== 'string' ||
    !Array.isArray(members) ||
    !Array.isArray(attachments)
  ) {
    throw engineError('JSON_INVALID', `indexes/${NAMES_FILE} is damaged; remove it and import the images again`, {
      what: NAMES_FILE,
    });
  }
  parseDigest(digest);
  for (const { digest: of } of [...members, ...attachments]) parseDigest(String(of));
  return { digest, mediaType, members, attachments };
}
