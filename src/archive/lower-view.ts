import type { Bytes, Dir, Stat } from '../system/system.ts';

/** An entry of the layers below: its directory there, its name in it, and what it is. */
export interface LowerEntry {
  dir: Dir;
  name: Bytes;
  stat: Stat;
}

/** What the layers below an overlay layer show together. Paths hold no links: each component is looked at by itself. */
export interface LowerView {
  find(path: Bytes): LowerEntry | null;
  /** The names in a directory. */
  names(path: Bytes): Bytes[];
}
