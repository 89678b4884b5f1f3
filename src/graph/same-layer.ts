import type { Digest } from '../identity/digest.ts';
import type { GraphContext, WorkOptions } from './context.ts';
import { idTaken } from './id-taken.ts';
import { knownDiffId } from './known-diff-id.ts';

/** Which layer it is: its ChainID, that of the layer below (null for a base), and the DiffID that both come from. */
export interface ChainLink {
  id: string;
  parent: string | null;
  diffId: Digest;
}

/**
 * Makes sure that an image which is in the store is the layer it is taken for: anybody may have registered something
 * else under that id before. With every layer below it checked, the DiffID proves the content. Throws IMAGE_ID_TAKEN.
 */
export async function requireSameLayer(context: GraphContext, link: ChainLink, options: WorkOptions): Promise<void> {
  const { id, parent, diffId } = link;
  if (context.family.image(id)?.parent !== (parent ?? '')) throw idTaken(id, 'it has another parent');
  if ((await knownDiffId(context, id, options)) !== diffId) throw idTaken(id, 'its layer is different');
}
