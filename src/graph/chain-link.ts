import type { Digest } from '../identity/digest.ts';

/** Which layer it is: its ChainID, that of the layer below (null for a base), and the DiffID that both come from. */
export interface ChainLink {
  id: string;
  parent: string | null;
  diffId: Digest;
}
