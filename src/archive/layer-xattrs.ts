import type { Bytes, System } from '../system/system.ts';
import type { MergedTree, TreeEntry } from './merged-tree.ts';
import { isOverlayXattr } from './overlay-marks.ts';

/**
 * The extended attributes that a layer carries, sorted by name: those of users, and capabilities. Labels, ACLs and the
 * overlay machinery's own belong to the machine.
 */
export function layerXattrs(system: System, tree: MergedTree, entry: TreeEntry): Map<Bytes, Buffer> {
  const found = new Map<Bytes, Buffer>();
  const { dir, name } = tree.locate(entry);
  const keys = system.listXattrs(dir, name);
  if (typeof keys === 'number') return found;
  for (const key of keys.filter(isCarried).sort()) {
    const value = system.getXattr(dir, name, key);
    if (typeof value !== 'number') found.set(key, value);
  }
  return found;
}

function isCarried(key: Bytes): boolean {
  return key === 'security.capability' || (key.startsWith('user.') && !isOverlayXattr(key));
}

export function sameXattrs(left: ReadonlyMap<Bytes, Buffer>, right: ReadonlyMap<Bytes, Buffer>): boolean {
  if (left.size !== right.size) return false;
  for (const [key, value] of left) if (right.get(key)?.equals(value) !== true) return false;
  return true;
}
