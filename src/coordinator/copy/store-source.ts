import { profileFor } from '../../compression/codecs.ts';
import type { KeptIndex } from '../../graph/indexes.ts';
import { familiarReference } from '../../identity/reference.ts';
import { decodeConfig } from '../../image/decode-config.ts';
import type { ImageSource, LegacyImage, ModernImage, SourceItem, SourceLayer } from '../../image/image-source.ts';
import { ociLayerType } from '../../image/media-types.ts';
import type { PendingBlob } from '../../image/pending-blob.ts';
import { formatPlatform } from '../../image/platform.ts';
import type { StoreTools } from '../job-context.ts';
import { describeForExport, type ExportableImage } from '../jobs/export-image.ts';
import { modernImage } from '../../image/modern-image.ts';

type Store = Pick<StoreTools, 'graph' | 'tags'>;

/**
 * An image of the store, or an index with all its images that are there, as a source. Layers of which packed bytes are kept
 * come as those; others are rebuilt, to the tars that they came from. Throws IMAGE_NOT_FOUND, ID_AMBIGUOUS when it is read.
 */
export function storeSource(store: Store, name: string): ImageSource {
  const releases: (() => void)[] = [];
  return {
    transport: 'store',
    location: name,
    images: () => read(store, name, releases),
    close: () => {
      for (const release of releases.splice(0)) release();
      return Promise.resolve();
    },
  };
}

async function* read(store: Store, name: string, releases: (() => void)[]): AsyncGenerator<SourceItem> {
  const { graph, tags } = store;
  const index = await graph.indexes.of(familiarReference(name));
  if (index !== null) {
    yield* readIndex(store, name, index, releases);
    return;
  }
  const { id } = await tags.lookupImage(name);
  const known = tags.namesOf(id);
  const own = known.filter((other) => other === familiarReference(name));
  yield await imageOf(store, id, name, own.length > 0 ? own : known, releases);
}

async function* readIndex(
  store: Store,
  name: string,
  index: KeptIndex,
  releases: (() => void)[],
): AsyncGenerator<SourceItem> {
  const { graph } = store;
  const { digest, mediaType } = index;
  const names = [familiarReference(name)];
  const members: (KeptIndex['members'][number] & { configDigest: ModernImage['configDigest'] | null })[] = [];
  for (const member of index.members) {
    const here = member.id !== null && graph.has(member.id);
    members.push({ ...member, configDigest: here ? `sha256:${member.id}` : null });
    const ref = `${name} (${member.platform === null ? member.digest : formatPlatform(member.platform)})`;
    if (!here) continue;
    const image = await imageOf(store, member.id!, ref, [], releases);
    yield image.kind === 'modern' ? { ...image, inIndex: names } : image;
  }
  const raw = await graph.indexes.raw(digest);
  const attachments = index.attachments.map((kept) => graph.blobs.ref(kept.digest, kept.size));
  yield { kind: 'index', ref: name, names, raw, mediaType, digest, members, attachments };
}

async function imageOf(
  { graph }: Store,
  id: string,
  ref: string,
  names: string[],
  releases: (() => void)[],
): Promise<ModernImage | LegacyImage> {
  releases.push(graph.retainPresent(id));
  const image = await describeForExport(graph, id);
  if (image.newConfig) return legacyImage(graph, image, ref, names);
  const config = decodeConfig(image.config);
  return modernImage(config, {
    ref,
    names,
    layers: image.layers.map((layer) => layerOf(graph, layer, image.manifest.manifest !== null)),
    manifest: image.manifest.manifest,
    warnings: [],
  });
}

function layerOf(graph: Store['graph'], layer: ExportableImage['layers'][number], hasManifest: boolean): SourceLayer {
  const { kept, diffId } = layer;
  if (kept === null)
    return { diffId, blob: rebuilt(graph, layer), mediaType: hasManifest ? ociLayerType('none') : null };
  const { digest, size, compression, mediaType } = kept;
  const packed = compression === 'gzip' || compression === 'zstd' ? compression : 'none';
  return { diffId, blob: { ...graph.blobs.ref(digest, size) }, mediaType: mediaType ?? ociLayerType(packed) };
}

function rebuilt(
  graph: Store['graph'],
  { id, diffId, tarSize }: { id: string; diffId: SourceLayer['diffId']; tarSize: number },
): PendingBlob {
  return {
    digest: diffId,
    size: tarSize,
    obtain: async (to, { signal, onProgress }) => {
      const report = ({ bytesIn }: { bytesIn: number }): void => onProgress?.(bytesIn);
      const { blob } = await graph.exportLayer(id, profileFor({ compression: 'none' }), to, {
        signal,
        onProgress: report,
      });
      return { path: to, ...blob };
    },
  };
}

function legacyImage(graph: Store['graph'], image: ExportableImage, ref: string, names: string[]): LegacyImage {
  const layers = new Map(image.layers.map((layer) => [layer.id, layer]));
  const chain = image.chain.map(({ id, json }, index) => {
    const layer = layers.get(id);
    const blob = layer === undefined ? emptyLayer(graph, id) : rebuilt(graph, layer);
    return { id, parent: image.chain[index - 1]?.id ?? null, json, layer: blob };
  });
  return { kind: 'legacy', ref, names, chain, warnings: [] };
}

/** A v1 image without a layer of its own has the empty tar. */
function emptyLayer(graph: Store['graph'], id: string): PendingBlob {
  return {
    obtain: async (to, { signal }) => {
      const { blob } = await graph.exportLayer(id, profileFor({ compression: 'none' }), to, { signal });
      return { path: to, ...blob };
    },
  };
}
