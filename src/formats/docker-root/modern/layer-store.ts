import { open } from 'node:fs/promises';
import type { EngineError } from '../../../errors/engine-error.ts';
import { engineError } from '../../../errors/kinds.ts';
import { type Digest, digestHex, isDigest } from '../../../identity/digest.ts';
import { decodeRegistryDigests, type RegistryDigest } from '../../../image/engine-documents.ts';
import type { RootFiles } from '../root-files.ts';

/** A layer of `layerdb`: where its driver has it, and what was kept of its tar. */
export interface StoredLayer {
  diffId: Digest;
  /** The id that the driver knows it by. */
  cacheId: string;
  /** Bytes of its files; null where that is not told. */
  size: number | null;
  /** The file that tar-split wrote; null when it is missing or is no packed file. */
  split: string | null;
}

/** A container's own layer, and the one that is between it and its image (null where there is none). */
export interface StoredMount {
  cacheId: string;
  initId: string | null;
}

const CACHE_ID = /^[a-f0-9]{64}(-init)?$/;
const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);

/** `image/<driver>/layerdb` and `distribution` of Docker 1.10 and newer. */
export class LayerStore {
  readonly #files: RootFiles;
  readonly #home: string;

  /** `home` is `image/<driver>`. */
  constructor(files: RootFiles, home: string) {
    this.#files = files;
    this.#home = home;
  }

  /** Throws CHAIN_INVALID when the layer is missing, or is not the one that its place promises. */
  async layer(chain: Digest, diffId: Digest): Promise<StoredLayer> {
    const dir = `${this.#home}/layerdb/sha256/${digestHex(chain)}`;
    const [diff, cacheId, size] = await Promise.all([
      this.#files.text(`${dir}/diff`),
      this.#files.text(`${dir}/cache-id`),
      this.#files.text(`${dir}/size`),
    ]);
    if (diff === null && cacheId === null) throw damaged(chain, `${dir} is missing`);
    if (diff !== diffId) throw damaged(chain, `${dir}/diff does not name the DiffID ${diffId} of the image`);
    if (cacheId === null || !CACHE_ID.test(cacheId)) throw damaged(chain, `${dir}/cache-id is no id of a layer`);
    return { diffId, cacheId, size: decimal(size), split: await this.#split(`${dir}/tar-split.json.gz`) };
  }

  /** Throws CHAIN_INVALID when the container has none. */
  async mount(container: string): Promise<StoredMount> {
    const dir = `${this.#home}/layerdb/mounts/${container}`;
    const [cacheId, initId] = await Promise.all([
      this.#files.text(`${dir}/mount-id`),
      this.#files.text(`${dir}/init-id`),
    ]);
    if (cacheId === null || !CACHE_ID.test(cacheId)) throw damaged(container, `${dir}/mount-id is no id of a layer`);
    return { cacheId, initId: initId !== null && CACHE_ID.test(initId) ? initId : null };
  }

  /** What registries call the layer; nothing where the note is damaged. */
  async registryDigests(diffId: Digest): Promise<(RegistryDigest & { digest: Digest })[]> {
    const raw = await this.#files.read(`${this.#home}/distribution/v2metadata-by-diffid/sha256/${digestHex(diffId)}`);
    if (raw === null) return [];
    try {
      return decodeRegistryDigests(raw).flatMap(({ digest, repository }) =>
        isDigest(digest) ? [{ digest, repository }] : [],
      );
    } catch {
      return [];
    }
  }

  async #split(path: string): Promise<string | null> {
    const real = await this.#files.find(path);
    if (real === null) return null;
    const file = await open(real, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
      return buffer.subarray(0, bytesRead).equals(GZIP_MAGIC) ? real : null;
    } finally {
      await file.close();
    }
  }
}

function decimal(text: string | null): number | null {
  return text !== null && /^[0-9]{1,15}$/.test(text) ? Number(text) : null;
}

function damaged(id: string, why: string): EngineError {
  const message = `layer ${id} cannot be read: ${why}; restore it, or pull the image again`;
  return engineError('CHAIN_INVALID', message, { id });
}
