/**
 * Where a layer's files are, as a driver answers it: plain data, so that it crosses to a worker thread.
 * - `full` (vfs): `dir` holds the whole file system up to this layer; `lowers` is the parent's whole tree, if any.
 * - `overlay` (overlay2): `dir` holds this layer's changes only, whiteouts as 0:0 devices, opaque directories marked by
 *   an extended attribute; `lowers` are the change directories below, nearest first.
 */
export interface LayerMount {
  style: 'full' | 'overlay';
  dir: string;
  lowers: string[];
}

/** A directory that is a whole file tree by itself. */
export function wholeTree(dir: string): LayerMount {
  return { style: 'full', dir, lowers: [] };
}
