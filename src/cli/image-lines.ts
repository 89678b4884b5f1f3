import type { Engine } from '../engine.ts';
import type { Image } from '../graph/image.ts';
import { sha256Digest } from '../identity/digest.ts';

/** An image as `images --json` lists it. */
export interface ImageLine {
  id: string;
  parent: string;
  names: string[];
  created: string;
  size: number;
  virtualSize: number;
  diffId: string | null;
  configDigest: string | null;
}

/** The images that have a name or that none is built on, newest first; with `all` every one. */
export async function imageLines({ graph, tags }: Engine, all: boolean): Promise<ImageLine[]> {
  const names = tags.byId();
  const lines: ImageLine[] = [];
  for await (const [id, image] of graph.map()) {
    if (!all && !names.has(id) && graph.hasChildren(id)) continue;
    const info = await graph.infoOf(id);
    // A layer that a crash left has no head above it, and is nothing that anybody made.
    if (!all && !names.has(id) && info !== null && info.diffId !== null && isLayerOnly(image)) continue;
    const { size } = await graph.get(id);
    lines.push({
      id,
      parent: image.parent,
      names: names.get(id) ?? [],
      created: image.created,
      size,
      virtualSize: await virtualSize(graph, id),
      diffId: info?.diffId ?? null,
      configDigest: await configDigestOf(graph, id),
    });
  }
  return lines.sort((a, b) => Date.parse(b.created) - Date.parse(a.created) || (a.id < b.id ? -1 : 1));
}

/** The image and everything below it. */
export async function virtualSize(graph: Engine['graph'], id: string): Promise<number> {
  let sum = 0;
  for (const image of graph.history(id)) sum += (await graph.get(image.id)).size;
  return sum;
}

export async function configDigestOf(graph: Engine['graph'], id: string): Promise<string | null> {
  const config = await graph.configOf(id);
  return config === null ? null : sha256Digest(config);
}

function isLayerOnly(image: Image): boolean {
  return image.created === '1970-01-01T00:00:00Z' && image.config === null && image.dockerVersion === '';
}
