import type { Graph } from '../../graph/graph.ts';
import type { Image } from '../../graph/image.ts';
import { digestHex, sha256Digest } from '../../identity/digest.ts';
import type { V1Link } from '../../image/image-sink.ts';
import { decodeConfig } from '../../image/decode-config.ts';
import { v1JsonOfHead } from '../../image/v1-of-modern.ts';

/**
 * The images of a chain as Docker before 1.10 kept them, base first. There an image's config is in its top layer. So a
 * content-addressed image becomes one with its top layer, under an id of its own: whoever imports that must not find
 * the id of the real image taken by something that lacks its config.
 */
export async function v1ChainOf(graph: Graph, history: readonly Image[], config: Buffer | null): Promise<V1Link[]> {
  const base = [...history].reverse();
  if (config === null) return Promise.all(base.map((image) => linkOf(graph, image)));
  const [head, top] = [base.pop()!, base.pop()];
  const below = await Promise.all(base.map((image) => linkOf(graph, image)));
  const decoded = decodeConfig(config);
  const id = digestHex(sha256Digest(v1JsonOfHead(decoded, head.id, top?.id ?? null)));
  const json = v1JsonOfHead(decoded, id, below.at(-1)?.id ?? null);
  return [...below, { id, json, empty: top === undefined }];
}

async function linkOf(graph: Graph, { id }: Image): Promise<V1Link> {
  return { id, json: await graph.rawJson(id), empty: (await graph.infoOf(id))?.diffId === null };
}
