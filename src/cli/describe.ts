import type { Engine } from '../engine.ts';
import type { Image, LayerInfo } from '../graph/image.ts';
import { type Digest, chainId, digestHex } from '../identity/digest.ts';

/** An image as `images --json` lists it. Sizes are bytes; `size` is what the image itself adds to its parent. */
export interface ImageLine {
  id: string;
  parent: string | null;
  names: string[];
  created: string;
  size: number;
  virtualSize: number;
  /** Of its top layer; null when it has none, or Docker wrote it and nobody asked for it yet. */
  diffId: Digest | null;
  /** Null for an image of the time before content addresses. */
  configDigest: Digest | null;
}

/** Bytes of an image with everything below it. A broken chain counts as far as it goes. */
export function virtualSize(images: ReadonlyMap<string, Image>, image: Image): number {
  let bytes = 0;
  const seen = new Set<string>();
  for (let at: Image | undefined = image; at !== undefined && !seen.has(at.id); at = images.get(at.parent)) {
    seen.add(at.id);
    bytes += Math.max(0, at.size);
  }
  return bytes;
}

/** True for an image that only carries a config: its id is the digest of that, and it has no layer of its own. */
export function isHead(info: LayerInfo | null): boolean {
  return info !== null && info.diffId === null;
}

export function configDigestOf(id: string, info: LayerInfo | null): Digest | null {
  return isHead(info) ? `sha256:${id}` : null;
}

/** True for an image that is nothing but a layer: its id follows from its DiffID and what is below. */
export function isLayerImage(image: Image, info: LayerInfo | null): boolean {
  if (info === null || info.diffId === null) return false;
  return digestHex(chainId(image.parent === '' ? null : `sha256:${image.parent}`, info.diffId)) === image.id;
}

/** Every image of the store, counted where Docker had not counted it. */
export async function allImages({ graph }: Engine): Promise<Map<string, Image>> {
  const images = new Map<string, Image>();
  for await (const [id, image] of graph.map()) images.set(id, image.size >= 0 ? image : await graph.get(id));
  return images;
}
