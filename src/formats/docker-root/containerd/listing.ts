import { hasCode, isEngineError } from '../../../errors/kinds.ts';
import { chainIds, type Digest } from '../../../identity/digest.ts';
import { imageReference } from '../../../identity/reference.ts';
import { decodeConfig } from '../../../image/decode-config.ts';
import type { BrokenImage, ModernImage } from '../../../image/image-source.ts';
import type { Descriptor } from '../../../image/manifest.ts';
import { quoted } from '../../../image/strict-json.ts';
import type { ImageContent } from '../../content.ts';
import type { FormatContext } from '../../context.ts';
import type { ListedImage, ListedLayer, RootListing } from '../root-listing.ts';
import type { BlobFacts } from './blob-facts.ts';
import type { ContainerdFiles } from './containerd-files.ts';
import { type StoreEntry, storeEntries } from './entries.ts';
import { imageWithLayer } from './known-images.ts';
import { type Metadata, readMetadata } from './metadata.ts';
import { Snapshots } from './snapshots.ts';
import { StoreReader } from './store-reader.ts';

/** What the image store of containerd holds; an index is listed as the images of it that are here. */
export async function listContainerdRoot(
  files: ContainerdFiles,
  path: string,
  context: FormatContext,
): Promise<RootListing> {
  const warnings: string[] = [];
  const metadata = await openMetadata(files, context, warnings);
  warnings.push(`namespaces: ${metadata.namespaces.map((name) => countOf(metadata, name)).join(', ') || 'none'}`);
  const content = files.content(context);
  const lister = new Lister(files, metadata.facts, content, context);
  const reader = new StoreReader(content, metadata, context, warnings);
  const images: ListedImage[] = [];
  for (const entry of storeEntries(metadata.images, path, null, warnings)) {
    for await (const item of reader.items(entry)) {
      if (item.kind === 'modern') images.push(await lister.image(item, entry));
      else if (item.kind === 'broken') images.push(await lister.broken(item, entry));
    }
  }
  for (const { ref, error } of metadata.broken) images.push({ ...nothingOf(ref), damaged: error });
  return {
    kind: 'containerd',
    path,
    driver: metadata.facts.snapshotters().join(', '),
    images,
    containers: [],
    warnings,
  };
}

/** As of the moment; `warnings` says whether a daemon is at home. */
export async function openMetadata(
  files: ContainerdFiles,
  { system }: FormatContext,
  warnings: string[],
): Promise<Metadata> {
  const { root, inUse } = await files.metadata((fd, mode) => system.lock(fd, mode));
  if (inUse) warnings.push('a daemon has the image store open; its images are read as they were at one moment');
  return readMetadata(root);
}

function countOf({ images }: Metadata, namespace: string): string {
  const count = images.filter((record) => record.namespace === namespace).length;
  return `${quoted(namespace)} (${count} ${count === 1 ? 'image' : 'images'})`;
}

class Lister {
  readonly #facts: BlobFacts;
  readonly #snapshots: Snapshots;
  readonly #content: ImageContent;
  readonly #context: FormatContext;

  constructor(files: ContainerdFiles, facts: BlobFacts, content: ImageContent, context: FormatContext) {
    this.#facts = facts;
    this.#snapshots = new Snapshots(files, (fd, mode) => context.system.lock(fd, mode));
    this.#content = content;
    this.#context = context;
  }

  async image(image: ModernImage, entry: StoreEntry): Promise<ListedImage> {
    const { created, diffIds } = decodeConfig(image.config, this.#context.documents);
    const chain = chainIds(diffIds);
    const layers: ListedLayer[] = [];
    for (const [index, { diffId, blob }] of image.layers.entries()) {
      const registry = this.#registry(blob.digest, image.manifest?.digest);
      layers.push({ ...(await this.#unpacked(chain[index]!)), diffId, state: 'exact', registry });
    }
    return { ...nothingOf(image.configDigest), ...this.#called(entry), created, size: sizeOf(layers), layers };
  }

  /** Of an image that lacks a layer all the others are told too. */
  async broken({ error }: BrokenImage, entry: StoreEntry): Promise<ListedImage> {
    const listed = { ...nothingOf(entry.descriptor.digest), ...this.#called(entry), damaged: error };
    if (!hasCode(error, 'LAYER_ONLY_UNPACKED') && !hasCode(error, 'BLOB_MISSING')) return listed;
    const { digest } = error.details;
    const known = await imageWithLayer(this.#content, entry.descriptor, digest, this.#context);
    if (known === null) return listed;
    const { config, manifest, chain } = known;
    const layers: ListedLayer[] = [];
    for (const [index, layer] of known.layers.entries()) {
      const registry = this.#registry(layer.digest, manifest.digest);
      const [diffId, state] = [config.diffIds[index]!, await this.#state(layer)];
      layers.push({ ...(await this.#unpacked(chain[index]!)), diffId, state, registry });
    }
    return { ...listed, id: config.digest, created: config.created, size: sizeOf(layers), layers };
  }

  async #state(layer: Descriptor): Promise<'exact' | 'missing'> {
    try {
      return (await this.#content.blob(layer)) === null ? 'missing' : 'exact';
    } catch (error) {
      if (isEngineError(error)) return 'missing';
      throw error;
    }
  }

  /** The digest of a manifest or an index is one of a registry when its label says where it came from. */
  #called({ names, descriptor }: StoreEntry): Pick<ListedImage, 'names' | 'digests'> {
    const sources = this.#facts.sources(descriptor.digest);
    return { names, digests: sources.map((repository) => imageReference(repository, descriptor.digest)) };
  }

  /** The repository of a manifest has its layers; what containerd knew of a layer goes with the layer. */
  #registry(digest: Digest | undefined, manifest: Digest | undefined): ListedLayer['registry'] {
    if (digest === undefined) return [];
    const own = this.#facts.sources(digest);
    const repositories = own.length > 0 || manifest === undefined ? own : this.#facts.sources(manifest);
    return repositories.map((repository) => ({ digest, repository }));
  }

  async #unpacked(chain: Digest): Promise<Pick<ListedLayer, 'dir' | 'size'>> {
    const [snapshot] = this.#facts.unpacked(chain);
    return snapshot === undefined ? { dir: null, size: null } : this.#snapshots.find(snapshot);
  }
}

function sizeOf(layers: readonly ListedLayer[]): number | null {
  const sizes = layers.map(({ size }) => size).filter((size) => size !== null);
  return sizes.length === 0 ? null : sizes.reduce((sum, size) => sum + size);
}

function nothingOf(id: string): ListedImage {
  return { id, names: [], digests: [], created: null, size: null, layers: [], damaged: null };
}
