import type { Graph } from '../../graph/graph.ts';
import type { Image, ImageLayer, KeptBlob } from '../../graph/image.ts';
import { type Digest, sha256Digest } from '../../identity/digest.ts';
import type { V1Link } from '../../image/image-sink.ts';
import { modernOfLegacy } from '../../image/modern-of-legacy.ts';
import { keptBlobs, type KeptManifest, keptManifest } from './kept-manifest.ts';
import { v1ChainOf } from './v1-chain.ts';

/** Everything about an image that an export needs, read before anything is written. */
export interface ExportableImage {
  image: Image;
  /** Base first, each with the packed blob that is kept of it. */
  layers: (ImageLayer & { tarSize: number; kept: KeptBlob | null })[];
  config: Buffer;
  configDigest: Digest;
  /** True when the config had to be made: the image is a v1 image. */
  newConfig: boolean;
  manifest: KeptManifest;
  /** The v1 chain, base first. */
  chain: V1Link[];
}

export async function describeForExport(graph: Graph, id: string): Promise<ExportableImage> {
  const history = graph.history(id);
  const layers = await graph.layersOf(id);
  const blobs = keptBlobs((await graph.infoOf(id))?.blobs, layers.length);
  const described = layers.map(async (layer, index) => ({
    ...layer,
    tarSize: (await graph.infoOf(layer.id))?.tarSize ?? layer.size,
    kept: blobs[index] ?? null,
  }));
  const kept = await graph.configOf(id);
  const config = kept === null ? await madeConfig(graph, history, layers) : { raw: kept, digest: sha256Digest(kept) };
  return {
    image: history[0]!,
    layers: await Promise.all(described),
    config: config.raw,
    configDigest: config.digest,
    newConfig: kept === null,
    manifest: await keptManifest(graph, id),
    chain: await v1ChainOf(graph, history, kept),
  };
}

/** What Docker makes of a v1 image; where its chain stands on a content-addressed image, that one's history comes first. */
async function madeConfig(
  graph: Graph,
  history: readonly Image[],
  layers: readonly ImageLayer[],
): Promise<{ raw: Buffer; digest: Digest }> {
  const configs = await Promise.all(history.map(({ id }) => graph.configOf(id)));
  const below = configs.findIndex((config) => config !== null);
  const own = [...(below < 0 ? history : history.slice(0, below))].reverse();
  const diffIds = new Map(layers.map((layer) => [layer.id, layer.diffId]));
  const chain = await Promise.all(own.map(async ({ id }) => ({ json: await graph.rawJson(id) })));
  return modernOfLegacy(
    chain,
    own.map(({ id }) => diffIds.get(id) ?? null),
    configs[below] ?? null,
  );
}
