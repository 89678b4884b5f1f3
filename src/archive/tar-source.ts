import type { BlobRef } from '../streams/blob-ref.ts';
import type { LayerMount } from './layer-mount.ts';

/** Where the tar of a layer comes from; plain data. */
export type TarSource =
  /** A tar in a file, packed or not: the compression is found from its first bytes. */
  | { from: 'blob'; blob: BlobRef }
  /** A registered layer: its record and payload in `meta`, the bodies in the tree `dir`; gives the first bytes back exactly. */
  | { from: 'record'; meta: string; dir: string }
  /** A layer of a container engine: what tar-split kept of its tar, and the directories that its files may be in. */
  | { from: 'tar-split'; split: string; trees: string[] }
  /** What a layer changes against the layers below it. */
  | { from: 'changes'; mount: LayerMount }
  /** What the whole file system `dir` changes against the layers of `parent` (null: everything in it). */
  | { from: 'tree'; dir: string; parent: LayerMount | null }
  /** What a stack of layers shows together changes against another one. */
  | { from: 'mounts'; mount: LayerMount; parent: LayerMount }
  /** A directory that is itself a changeset: whiteouts in it are `.wh.` files. */
  | { from: 'directory'; dir: string }
  /** A layer without entries: 1,024 zero bytes. */
  | { from: 'empty' };
