import type { Graph } from '../../graph/graph.ts';
import type { Image } from '../../graph/image.ts';
import type { V1Link } from '../../image/image-sink.ts';
import { decodeConfig } from '../../image/decode-config.ts';
import { v1ChainOfModern } from '../../image/v1-of-modern.ts';

/** The images of a chain as Docker before 1.10 kept them, base first. */
export async function v1ChainOf(graph: Graph, history: readonly Image[], config: Buffer | null): Promise<V1Link[]> {
  if (config !== null) return v1ChainOfModern(decodeConfig(config));
  return Promise.all([...history].reverse().map((image) => linkOf(graph, image)));
}

async function linkOf(graph: Graph, { id }: Image): Promise<V1Link> {
  return { id, json: await graph.rawJson(id), empty: (await graph.infoOf(id))?.diffId === null };
}
