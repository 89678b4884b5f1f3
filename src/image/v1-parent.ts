import { decodeImageJson, decodeParentId, type V1Image } from './v1-compat.ts';

/** A v1 image as the file `graph/<id>/json` and those beside it tell it. */
export interface StoredV1Image extends V1Image {
  /** True when nothing but its JSON decides whose child it is. */
  parentInJson: boolean;
}

/**
 * Decodes the JSON of a v1 image and finds its parent. From 1.8.3 on Docker may leave the id out, and where the JSON has
 * a parent derived from content, the file `parent` (its text; null when there is none) tells the real one if that differs.
 */
export function decodeStoredV1(raw: Buffer, realParent: () => string | null): StoredV1Image {
  const image = decodeImageJson(raw);
  const derived = image.parent === '' || image.id === '' ? decodeParentId(raw) : null;
  if (derived === null) return { ...image, parentInJson: true };
  const real = realParent()?.trim() ?? '';
  const parent = real !== '' ? real : image.parent !== '' ? image.parent : derived;
  return { ...image, parent, parentInJson: false };
}
