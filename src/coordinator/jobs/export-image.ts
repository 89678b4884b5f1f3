import { decodeManifestLayers } from './manifest-layers.ts';
import type { Graph } from '../../graph/graph.ts';
import type { Image, ImageLayer, KeptBlob } from '../../graph/image.ts';
import { type Digest, sha256Digest } from '../../identity/digest.ts';
import { configOfV1 } from '../../image/config-of-v1.ts';
import type { SinkImage } from '../../image/image-sink.ts';

/** Everything about an image that an export needs, read before anything is written. */
export interface ExportableImage {
  image: Image;
  layers: ImageLayer[];
  /** The packed layer that is kept, per layer. */
  blobs: (KeptBlob | null)[];
  config: Buffer;
  configDigest: Digest;
  /** True when the config had to be made: the image is a v1 image. */
  newConfig: boolean;
  /** The kept manifest, when every layer in it is kept too. */
  manifest: SinkImage['manifest'];
  /** Why there is none. */
  manifestMissing: string;
  chain: { id: string; json: Buffer }[];
}

export async function describeForExport(graph: Graph, id: string): Promise<ExportableImage> {
  const history = graph.history(id);
  const image = history[0]!;
  const layers = await graph.layersOf(id);
  const info = await graph.infoOf(id);
  const blobs = layers.map((_layer, index) => info?.blobs?.[index] ?? null);
  const kept = await graph.configOf(id);
  const config = kept === null ? await madeConfig(graph, history) : { raw: kept, digest: sha256Digest(kept) };
  const { manifest, missing } = await keptManifest(graph, id, blobs);
  const chain = await Promise.all(history.map(async ({ id: link }) => ({ id: link, json: await graph.rawJson(link) })));
  return {
    image,
    layers,
    blobs,
    config: config.raw,
    configDigest: config.digest,
    newConfig: kept === null,
    manifest,
    manifestMissing: missing,
    chain: chain.reverse(),
  };
}

async function madeConfig(graph: Graph, history: readonly Image[]): Promise<{ raw: Buffer; digest: Digest }> {
  const layers = new Map((await graph.layersOf(history[0]!.id)).map((layer) => [layer.id, layer.diffId]));
  const links = history.map(async (image) => ({
    image,
    diffId: layers.get(image.id) ?? null,
    config: await graph.configOf(image.id),
  }));
  return configOfV1((await Promise.all(links)).reverse());
}

async function keptManifest(
  graph: Graph,
  id: string,
  blobs: readonly (KeptBlob | null)[],
): Promise<{ manifest: SinkImage['manifest']; missing: string }> {
  const about = (await graph.infoOf(id))?.manifest;
  const raw = await graph.manifestOf(id);
  if (about === undefined || raw === null) return { manifest: null, missing: 'it came without a manifest' };
  const named = decodeManifestLayers(raw);
  for (const [index, digest] of named.entries()) {
    if (blobs[index]?.digest !== digest)
      return { manifest: null, missing: `its layer ${index} was not kept as it came` };
    if (!(await graph.blobs.has(digest))) return { manifest: null, missing: `the kept blob ${digest} has gone` };
  }
  return { manifest: { raw, mediaType: about.mediaType, digest: about.digest }, missing: '' };
}
