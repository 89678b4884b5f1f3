import { engineError } from '../errors/kinds.ts';
import type { GraphContext, WorkOptions } from './context.ts';
import type { Image, ImageLayer } from './image.ts';
import { knownDiffId } from './known-diff-id.ts';

/** The image and all its ancestors, the image first. Throws CHAIN_INVALID where one is missing or comes twice. */
export function historyOf(context: GraphContext, id: string): Image[] {
  const chain: Image[] = [];
  const seen = new Set<string>();
  for (let at = id; at !== '';) {
    const image = context.family.image(at);
    if (image === undefined || seen.has(at)) {
      const why = image === undefined ? 'is not in the store' : 'is its own ancestor';
      throw engineError('CHAIN_INVALID', `the ancestor ${at} of image ${id} ${why}`, { id });
    }
    seen.add(at);
    chain.push(image);
    at = image.parent;
  }
  return chain;
}

/** The real layers of an image, base first: every ancestor and itself, but for those that only carry a config. */
export async function layersOf(context: GraphContext, id: string, options: WorkOptions = {}): Promise<ImageLayer[]> {
  const layers: ImageLayer[] = [];
  for (const image of historyOf(context, id).reverse()) {
    if (await isHead(context, image.id)) continue;
    layers.push({ id: image.id, diffId: await knownDiffId(context, image.id, options), size: image.size });
  }
  return layers;
}

/** True for an image that has a config and no layer of its own. */
export async function isHead(context: GraphContext, id: string): Promise<boolean> {
  return (await context.store.info(id))?.diffId === null;
}

/** The layer that an image means where one is asked for: its own, or the top one below a head; null when it has none. */
export async function topLayerOf(context: GraphContext, id: string): Promise<string | null> {
  for (const image of historyOf(context, id)) if (!(await isHead(context, image.id))) return image.id;
  return null;
}
