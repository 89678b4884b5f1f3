import { resolve } from 'node:path';
import type { CompressionProfile, PackingName } from '../compression/codec.ts';
import type { LayerMount } from '../archive/layer-mount.ts';
import type { Driver } from '../drivers/driver.ts';
import { requireText } from '../errors/arguments.ts';
import { hasCode } from '../errors/kinds.ts';
import type { Digest } from '../identity/digest.ts';
import { validateImageId } from '../identity/image-id.ts';
import type { ModernImage } from '../image/image-source.ts';
import type { V1Image } from '../image/v1-compat.ts';
import { abortable, throwIfAborted } from '../streams/abort.ts';
import type { AddedImage, AddImageOptions } from './add-image.ts';
import { dropUnneededBlobs } from './blob-use.ts';
import type { BlobStore } from './blobs.ts';
import { type CallOptions, type GraphContext, refuseReadOnly, retainPresent, type WorkOptions } from './context.ts';
import { type CreateOptions, newImage } from './create.ts';
import type { Family } from './family.ts';
import type { Image, ImageLayer, LayerInfo } from './image.ts';
import type { IndexStore, KeptIndex } from './indexes.ts';
import { checkLayer, type ExportedLayer, exportLayer } from './layer-export.ts';
import type { LayerInput } from './layer-input.ts';
import type { LayerWorks } from './layer-work.ts';
import { historyOf, layersOf } from './layers.ts';
import { type GraphOptions, openContext } from './open-context.ts';
import { register, type Registered, type RegisterOptions } from './register.ts';
import { claimImage, removeImage } from './remove.ts';
import type { TempArchive } from './temp-archive.ts';
import { tempLayerArchive, type TempArchiveOptions } from './temp-layer-archive.ts';
import { unpack } from './unpack.ts';

export type { GraphOptions };

/**
 * The store of images and of the parent relation between them; one image is one layer and its JSON. Look-ups are
 * answered from memory and see what other processes changed; everything that commits is durable when its promise
 * resolves.
 */
export class Graph implements AsyncDisposable {
  /** The directory of the images' metadata, `<store>/graph`. */
  readonly root: string;
  readonly driver: Driver;
  readonly readOnly: boolean;
  readonly indexes: IndexStore;
  readonly #context: GraphContext;
  readonly #works: LayerWorks = new Map();
  #namesOf: (id: string) => string[];

  protected constructor(context: GraphContext, namesOf: (id: string) => string[]) {
    this.#context = context;
    this.#namesOf = namesOf;
    this.root = context.store.root;
    this.driver = context.driver;
    this.readOnly = context.readOnly;
    this.indexes = context.indexes;
  }

  /**
   * Opens the images in the store `root`, with the driver that has their layers, and removes what a crash left. A
   * directory that layermill did not make opens read only unless it is empty or adopted.
   */
  static async open(root: string, driver: Driver, options: GraphOptions): Promise<Graph> {
    requireText(root, 'root');
    return new this(await openContext(resolve(root), driver, options), options.namesOf ?? (() => []));
  }

  /** Tells the graph who knows the names of its images. */
  nameImagesBy(namesOf: (id: string) => string[]): void {
    this.#namesOf = namesOf;
  }

  /**
   * An image by its id or a prefix of it; a whole id always wins. A size that was never counted is counted and noted.
   * Throws IMAGE_NOT_FOUND, ID_AMBIGUOUS, INVALID_ARGUMENT for an empty name.
   */
  async get(name: string, options: CallOptions = {}): Promise<Image> {
    requireText(name, 'name');
    const family = await this.#family(options.signal);
    const image = this.#context.store.load(family.resolve(name));
    return image.size >= 0 ? image : this.#count(image, options);
  }

  /** Whether there is an image with this id or prefix that can be used. Throws nothing but CANCELLED. */
  exists(name: string, options: CallOptions = {}): Promise<boolean> {
    return this.get(name, options).then(
      () => true,
      (error: unknown) => {
        if (hasCode(error, 'CANCELLED')) throw error;
        return false;
      },
    );
  }

  /** Every image, by id, in the order of the ids. Those that cannot be used are reported and left out. */
  async *map(): AsyncGenerator<[id: string, image: Image]> {
    const family = await this.#family();
    for (const id of family.ids()) {
      const image = family.image(id);
      if (image !== undefined) yield [id, image];
    }
  }

  /** Parent id → the images built on it, for every parent in the graph. */
  async *byParent(): AsyncGenerator<[parent: string, children: Image[]]> {
    const family = await this.#family();
    for (const id of family.ids()) {
      const children = family.children(id).flatMap((child) => family.image(child) ?? []);
      if (children.length > 0) yield [id, children];
    }
  }

  /** The images that none is built on, in the order of their ids. */
  async *heads(): AsyncGenerator<Image> {
    const family = await this.#family();
    for (const id of family.ids()) {
      if (family.hasChildren(id)) continue;
      const image = family.image(id);
      if (image !== undefined) yield image;
    }
  }

  /**
   * Removes an image and its layer. Throws IMAGE_NOT_FOUND, IMAGE_HAS_CHILDREN always, IMAGE_HAS_NAMES without `force`,
   * IMAGE_IN_USE. Answers the id.
   */
  async delete(name: string, options: { force?: boolean } & CallOptions = {}): Promise<string> {
    requireText(name, 'name');
    const { force = false, signal } = options;
    return removeImage(this.#context, name, { namesOf: this.#namesOf, force, signal });
  }

  /** Whether there is an image with exactly this id, as of the last call that waited for an answer. */
  has(id: string): boolean {
    return this.#context.family.has(id);
  }

  /** Whether any image is built on this one, as of the last call that waited for an answer. */
  hasChildren(id: string): boolean {
    return this.#context.family.hasChildren(id);
  }

  /** The directory with an image's metadata. */
  imageRoot(id: string): string {
    return this.#context.store.imageRoot(id);
  }

  /** Whether an error means that the image asked for does not exist. */
  isNotExist(error: unknown): boolean {
    return hasCode(error, 'IMAGE_NOT_FOUND');
  }

  /** A new directory for unfinished work, below `_tmp`. Remove it by its `remove`. */
  mktemp(): Promise<{ path: string; remove(): Promise<void> }> {
    refuseReadOnly(this.#context);
    return this.#context.store.stage();
  }

  /**
   * Registers an image with its layer. With `json` those bytes are stored as they are; without, the image is written as
   * Docker 0.11 writes its own. The same image again is no error, another one under a taken id is IMAGE_ID_TAKEN.
   */
  async register(
    image: Partial<V1Image> & { id: string },
    layer: LayerInput,
    options: RegisterOptions = {},
  ): Promise<Image> {
    return (await register(this.#context, image, layer, options)).image;
  }

  /** As `register`; also says whether the image was there already. */
  registerOnce(
    image: Partial<V1Image> & { id: string },
    layer: LayerInput,
    options: RegisterOptions = {},
  ): Promise<Registered> {
    return register(this.#context, image, layer, options);
  }

  /** Makes a new image of a changeset (null: no changes), on top of `parent`. */
  async create(layer: LayerInput, options: CreateOptions & WorkOptions = {}): Promise<Image> {
    const parent = options.parent === undefined ? undefined : (await this.get(options.parent, options)).id;
    return this.register(newImage({ ...options, parent }), layer, options);
  }

  /** A layer as a temporary file; see `TempArchive`. Of a head its top layer is meant. */
  async tempLayerArchive(
    name: string,
    compression: PackingName | CompressionProfile = 'none',
    options: TempArchiveOptions = {},
  ): Promise<TempArchive> {
    requireText(name, 'name');
    return tempLayerArchive(this.#context, name, compression, options);
  }

  /** Adds a content-addressed image with all its layers; see `addImage`. */
  async addImage(image: ModernImage, options: AddImageOptions): Promise<AddedImage> {
    const { addImage } = await import('./add-image.ts');
    return addImage(this.#context, this.#works, image, options);
  }

  /** Removes those of these images, the last first, that nothing is built on and nobody uses. */
  async removeUnneeded(ids: readonly string[], options: CallOptions = {}): Promise<void> {
    const { removeUnneeded } = await import('./remove.ts');
    await removeUnneeded(this.#context, ids, options.signal);
  }

  /** Keeps an index for its names, instead of any other; takes the verified files of what is kept with it. */
  async keepIndex(
    names: readonly string[],
    raw: Buffer,
    index: KeptIndex,
    attached: readonly { path: string; digest: Digest }[],
    options: CallOptions = {},
  ): Promise<void> {
    await this.exclusive(async () => {
      await this.forgetIndexes(names);
      for (const { path, digest } of attached) await this.blobs.adopt(path, digest);
      await this.indexes.keep(names, raw, index);
    }, options.signal);
  }

  /**
   * These names mean something else now than the indexes they came with: those go, with what was kept for their sake.
   * Called while `exclusive` runs.
   */
  async forgetIndexes(names: readonly string[]): Promise<void> {
    const gone = await this.indexes.forget(names);
    if (gone.length === 0) return;
    await this.#family();
    const digests = new Set(gone.flatMap(({ attachments }) => attachments.map(({ digest }) => digest)));
    await dropUnneededBlobs(this.#context, digests);
  }

  /** Writes one layer into a new file; see `exportLayer`. */
  exportLayer(id: string, profile: CompressionProfile, to: string, options: WorkOptions = {}): Promise<ExportedLayer> {
    return exportLayer(this.#context, id, profile, to, options);
  }

  /** Makes the tar of one layer again and compares it with its DiffID, writing nothing; see `checkLayer`. */
  async checkLayer(id: string, diffId: Digest, options: WorkOptions = {}): Promise<void> {
    await checkLayer(this.#context, id, diffId, options);
  }

  /** The real layers of an image, base first. */
  async layersOf(id: string, options: WorkOptions = {}): Promise<ImageLayer[]> {
    await this.#family(options.signal);
    return layersOf(this.#context, id, options);
  }

  /** The image and its ancestors, itself first. Throws CHAIN_INVALID where the chain is broken. */
  history(id: string): Image[] {
    return historyOf(this.#context, id);
  }

  /** Where an image's layer and those below it are, for a comparison. */
  mountOf(id: string): Promise<LayerMount> {
    const { parent } = this.history(id)[0]!;
    return this.driver.mount(id, parent === '' ? null : parent);
  }

  /** The JSON of an image, byte for byte. */
  async rawJson(id: string): Promise<Buffer> {
    return this.#context.store.rawJson(validateImageId(id));
  }

  /** The config of a content-addressed image, byte for byte; null for others. */
  async configOf(id: string): Promise<Buffer | null> {
    return this.#context.store.config(validateImageId(id));
  }

  /** The manifest that came with an image, byte for byte. */
  async manifestOf(id: string): Promise<Buffer | null> {
    return this.#context.store.manifest(validateImageId(id));
  }

  async infoOf(id: string): Promise<LayerInfo | null> {
    return this.#context.store.info(validateImageId(id));
  }

  get blobs(): BlobStore {
    return this.#context.blobs;
  }

  /** The whole file tree of an image, in a directory that is made or empty. Answers the number of entries applied. */
  async unpack(id: string, dir: string, options: WorkOptions = {}): Promise<number> {
    await this.#family(options.signal);
    return unpack(this.#context, id, dir, options);
  }

  /** Runs `work` while no other process writes the store. */
  exclusive<Value>(work: () => Promise<Value>, signal?: AbortSignal): Promise<Value> {
    refuseReadOnly(this.#context);
    return this.#context.lock.exclusive(async () => {
      // So that `has` is right for whoever decides by it.
      await this.#context.family.refresh();
      return work();
    }, signal);
  }

  /** How often tags were changed in this store, by whatever process. */
  tagChanges(): number {
    return this.#context.lock.changes('tags');
  }

  /** Counts a change of tags that is about to be made; called while `exclusive` runs. */
  noteTagChange(): void {
    this.#context.lock.noteChange('tags');
  }

  /** Keeps images, also those that are still to come, from being removed until the answered function is called. */
  retain(ids: readonly string[]): () => void {
    const releases = ids.map((id) => this.#context.retained.retain(id));
    return () => releases.forEach((release) => release());
  }

  /** As `retain`, for an image that is there, and its ancestors. Throws IMAGE_NOT_FOUND when it has just gone. */
  retainPresent(id: string): () => void {
    return retainPresent(this.#context, id);
  }

  /**
   * Says that an image is about to be removed: until the answered function is called nobody begins to use it. For who
   * has to change something else before. Throws IMAGE_IN_USE.
   */
  claim(id: string): () => void {
    refuseReadOnly(this.#context);
    return claimImage(this.#context, id);
  }

  async close(): Promise<void> {
    await this.#context.parents.close();
    await this.driver.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Who is there, with what other processes changed. */
  async #family(signal?: AbortSignal): Promise<Family> {
    throwIfAborted(signal);
    await abortable(this.#context.family.refresh(), signal);
    return this.#context.family;
  }

  /** Docker left images without `layersize`; the original counted them when they were first asked for. */
  async #count(image: Image, { signal }: CallOptions): Promise<Image> {
    const { driver, pool, store } = this.#context;
    const mount = await driver.mount(image.id, image.parent === '' ? null : image.parent);
    const { size } = await pool.run('layer.size', { mount }, { job: image.id, signal });
    if (!this.readOnly) await store.writeSize(image.id, size);
    return { ...image, size };
  }
}
