import { chainIds, type Digest } from '../../../identity/digest.ts';
import { imageReference } from '../../../identity/reference.ts';
import { decodeConfig } from '../../../image/decode-config.ts';
import type { BrokenImage, ModernImage } from '../../../image/image-source.ts';
import { quoted } from '../../../image/strict-json.ts';
import type { FormatContext } from '../../context.ts';
import type { ListedImage, ListedLayer, RootListing } from '../root-listing.ts';
import type { ContainerdFiles } from './containerd-files.ts';
import { type StoreEntry, storeEntries } from './entries.ts';
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
  const lister = new Lister(files, metadata, context);
  const reader = new StoreReader(files.content(context), metadata, context, warnings);
  const images: ListedImage[] = [];
  for (const entry of storeEntries(metadata.images, path, null, warnings)) {
    for await (const item of reader.items(entry)) {
      if (item.kind === 'modern') images.push(await lister.image(item, entry));
      else if (item.kind === 'broken') images.push(lister.broken(item, entry));
    }
  }
  for (const { ref, error } of metadata.broken) images.push({ ...nothingOf(ref), damaged: error });
  return { kind: 'containerd', path, driver: driversOf(metadata), images, containers: [], warnings };
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

/** The snapshotters that have layers here. */
function driversOf({ unpacked }: Metadata): string {
  return [...new Set([...unpacked.values()].flat().map(({ snapshotter }) => snapshotter))].sort().join(', ');
}

class Lister {
  readonly #metadata: Metadata;
  readonly #snapshots: Snapshots;
  readonly #context: FormatContext;

  constructor(files: ContainerdFiles, metadata: Metadata, context: FormatContext) {
    this.#metadata = metadata;
    this.#snapshots = new Snapshots(files, (fd, mode) => context.system.lock(fd, mode));
    this.#context = context;
  }

  async image(image: ModernImage, entry: StoreEntry): Promise<ListedImage> {
    const { diffIds, created } = decodeConfig(image.config, this.#context.documents);
    const layers: ListedLayer[] = [];
    for (const [index, chain] of chainIds(diffIds).entries()) {
      const { blob, diffId } = image.layers[index]!;
      const found = await this.#unpacked(chain);
      layers.push({ ...found, diffId, state: 'exact', registry: this.#registry(blob.digest) });
    }
    return { ...nothingOf(image.configDigest), ...this.#called(entry), created, size: sizeOf(layers), layers };
  }

  broken({ error }: BrokenImage, entry: StoreEntry): ListedImage {
    return { ...nothingOf(entry.descriptor.digest), ...this.#called(entry), damaged: error };
  }

  /** The digest of a manifest or an index is one of a registry when its label says where it came from. */
  #called({ names, descriptor }: StoreEntry): Pick<ListedImage, 'names' | 'digests'> {
    const sources = this.#metadata.sources.get(descriptor.digest) ?? [];
    return { names, digests: sources.map((repository) => imageReference(repository, descriptor.digest)) };
  }

  #registry(digest: Digest | undefined): ListedLayer['registry'] {
    if (digest === undefined) return [];
    return (this.#metadata.sources.get(digest) ?? []).map((repository) => ({ digest, repository }));
  }

  async #unpacked(chain: Digest): Promise<Pick<ListedLayer, 'dir' | 'size'>> {
    const [snapshot] = this.#metadata.unpacked.get(chain) ?? [];
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
