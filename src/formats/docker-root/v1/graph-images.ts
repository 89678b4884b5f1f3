import type { DocumentLimits } from '../../../image/document-limits.ts';
import { isImageId, validateImageId } from '../../../identity/image-id.ts';
import { decodeLayerSize } from '../../../image/v1-compat.ts';
import { withLinks } from '../../../image/v1-json.ts';
import { decodeStoredV1 } from '../../../image/v1-parent.ts';
import { brokenImage } from '../../broken.ts';
import { chainInvalid, type Family } from '../../v1-family.ts';
import type { RootFiles } from '../root-files.ts';

/** An image as `graph/<id>/` describes it. */
export interface GraphImage {
  id: string;
  parent: string | null;
  /** Byte for byte; where 1.8.3 or 1.9 left the id or the parent to other files, with both in front. */
  json: Buffer;
  /** False when `json` had to be completed. */
  exact: boolean;
}

/** The images of `graph/`, damaged ones too. Their JSON is read again when it is needed: there may be very many. */
export async function readFamily(files: RootFiles, limits?: DocumentLimits): Promise<Family> {
  const family: Family = { parents: new Map(), broken: new Map() };
  for (const id of (await files.names('graph')).filter(isImageId)) {
    try {
      family.parents.set(id, (await readImage(files, id, limits)).parent);
    } catch (error) {
      family.broken.set(id, brokenImage(id, error).error);
    }
  }
  return family;
}

/** Throws CHAIN_INVALID, JSON_INVALID, INVALID_ID or LIMIT_EXCEEDED. */
export async function readImage(files: RootFiles, id: string, limits?: DocumentLimits): Promise<GraphImage> {
  const raw = await files.read(`graph/${id}/json`, limits);
  if (raw === null) throw chainInvalid(id, 'its json is missing; Docker was stopped while it was made or removed');
  const realParent = await files.text(`graph/${id}/parent`);
  const said = decodeStoredV1(raw, () => realParent);
  if (said.id !== id && said.id !== '') throw chainInvalid(id, 'its JSON says that it is another image');
  const parent = said.parent === '' ? null : validateImageId(said.parent);
  const exact = said.id !== '' && said.parentInJson;
  return { id, parent, exact, json: exact ? raw : withLinks(raw, id, parent, limits) };
}

/** Bytes of the layer as Docker counted them; null when it did not, or the file is damaged. */
export async function readLayerSize(files: RootFiles, id: string): Promise<number | null> {
  try {
    const text = await files.read(`graph/${id}/layersize`);
    const size = text === null ? -1 : decodeLayerSize(text.toString('latin1'));
    return size < 0 ? null : size;
  } catch {
    return null;
  }
}
