import type { Graph } from '../../graph/graph.ts';
import type { Image, ImageLayer, KeptBlob } from '../../graph/image.ts';
import { type Digest, sha256Digest } from '../../identity/digest.ts';
import { configOfV1 } from '../../image/config-of-v1.ts';
import type { V1Link } from '../../image/image-sink.ts';
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

async function madeConfig(
  graph: Graph,
  history: readonly Image[],
  layers: readonly ImageLayer[],
): Promise<{ raw: Buffer; digest: Digest }> {
  const diffIds = new Map(layers.map((layer) => [layer.id, layer.diffId]));
  const links = history.map(async (image) => ({
    image,
    diffId: diffIds.get(image.id) ?? null,
    config: await graph.configOf(image.id),
  }));
  return configOfV1((await Promise.all(links)).reverse());
}
