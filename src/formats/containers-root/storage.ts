import { engineError } from '../../errors/kinds.ts';
import type { EngineError } from '../../errors/engine-error.ts';
import { isDigest, type Digest } from '../../identity/digest.ts';
import { decodeConfig } from '../../image/decode-config.ts';
import {
  decodeConfigDigest,
  decodeStorageImages,
  decodeStorageLayers,
  type StorageImage,
  type StorageLayer,
} from '../../image/engine-documents.ts';
import type { ImageConfig } from '../../image/image-config.ts';
import { verifyBlob } from '../../image/manifest.ts';
import type { FormatContext } from '../context.ts';
import type { LayerOfTree } from '../docker-root/image-of-trees.ts';
import type { RootDriver } from '../docker-root/drivers/root-driver.ts';
import type { RootFiles } from '../docker-root/root-files.ts';
import { memberInvalid } from '../members.ts';

const LIST_LIMITS = { bytes: 64 * 1024 * 1024, depth: 32, layers: 0, nesting: 0 };

/** What one driver keeps below a directory of containers/storage: `<driver>-images`, `<driver>-layers`, `<driver>`. */
export class Storage {
  readonly driver: RootDriver;
  readonly files: RootFiles;
  readonly #context: FormatContext;
  #layers: Map<string, StorageLayer> | null = null;

  constructor(files: RootFiles, driver: RootDriver, context: FormatContext) {
    this.files = files;
    this.driver = driver;
    this.#context = context;
  }

  async images(): Promise<StorageImage[]> {
    const raw = await this.files.read(`${this.driver.name}-images/images.json`, LIST_LIMITS);
    return raw === null ? [] : decodeStorageImages(raw);
  }

  /** The config that the image's manifest names; where there is no manifest, the one of the image's id. */
  async config(image: StorageImage): Promise<ImageConfig> {
    const limits = this.#context.documents;
    const manifest = await this.files.read(`${this.driver.name}-images/${image.id}/manifest`, limits);
    const digest = manifest === null ? `sha256:${image.id}` : decodeConfigDigest(manifest, limits);
    if (!isDigest(digest)) throw memberInvalid(image.id, 'its id is no digest, and it has no manifest');
    const path = `${this.driver.name}-images/${image.id}/=${Buffer.from(digest).toString('base64')}`;
    const raw = await this.files.read(path, limits);
    if (raw === null) throw memberInvalid(path, 'the image config is missing');
    verifyBlob(raw, { digest }, 'the image config');
    return decodeConfig(raw, limits);
  }

  /** The stored layers of an image, base first. Throws CHAIN_INVALID. */
  async chain(image: StorageImage, diffIds: readonly Digest[]): Promise<StorageLayer[]> {
    const layers = await this.#allLayers();
    const chain: StorageLayer[] = [];
    for (let id: string | null = image.layer || null; id !== null && chain.length <= diffIds.length;) {
      const layer = layers.get(id);
      if (layer === undefined) throw damaged(image.id, `layers.json has no layer ${JSON.stringify(id.slice(0, 100))}`);
      if (layer.incomplete) throw damaged(image.id, `its layer ${layer.id} was never completed`);
      chain.push(layer);
      id = layer.parent;
    }
    if (chain.length === diffIds.length) return chain.reverse();
    throw damaged(image.id, `it has ${diffIds.length} layers, but another number of them is stored`);
  }

  /** A stored layer and how its tar is to be had. Throws LAYER_NOT_FOUND. */
  async layer({ id, parent, diffSize }: StorageLayer, diffId: Digest): Promise<LayerOfTree> {
    const split = await this.files.find(`${this.driver.name}-layers/${id}.tar-split.gz`);
    const found = { diffId, size: diffSize, exact: split !== null };
    if (split === null) return { ...found, source: await this.driver.changes(id, parent) };
    return { ...found, source: { from: 'tar-split', split, trees: [await this.driver.directory(id)] } };
  }

  async #allLayers(): Promise<Map<string, StorageLayer>> {
    if (this.#layers !== null) return this.#layers;
    const raw = await this.files.read(`${this.driver.name}-layers/layers.json`, LIST_LIMITS);
    const layers = raw === null ? [] : decodeStorageLayers(raw);
    this.#layers = new Map(layers.filter(({ id }) => LAYER_ID.test(id)).map((layer) => [layer.id, layer]));
    return this.#layers;
  }
}

/** Ids become parts of paths. */
const LAYER_ID = /^[a-f0-9]{64}$/;

function damaged(id: string, why: string): EngineError {
  return engineError('CHAIN_INVALID', `the image ${id} cannot be read: ${why}; pull or load it again`, { id });
}
