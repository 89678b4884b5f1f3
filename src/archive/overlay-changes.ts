import type { Bytes, System } from '../system/system.ts';
import { byName, type Change, isSocket, nameable, unrepresentable } from './changes.ts';
import { depthFirst } from './depth-first.ts';
import type { MergedTree, TreeDir, TreeEntry } from './merged-tree.ts';
import { isOpaque, isOverlayWhiteout, isOverlayXattr } from './overlay-marks.ts';

/**
 * What an overlay layer changes, read from its own directory alone (`tree` shows just that): 0:0 devices are removals,
 * the opaque attribute hides what is below; the kind of everything else is `modify`, whether it is new or not. Ordered
 * as by `listChanges`; an opaque directory's mark follows it. Throws CHANGES_UNREPRESENTABLE for names that would be
 * whiteouts, and where the content is in the layers below: there the kernel moved a directory, or copied attributes only.
 */
export function* listOverlayChanges(
  system: System,
  tree: MergedTree,
  onEntry: () => void = () => {},
): Generator<Change> {
  const inside = (change: Change): Change[] => {
    if (change.entry === null || change.entry.content === null) return [];
    return changesIn(system, tree, change.entry.content, isOpaqueDir(system, tree, change.entry), onEntry);
  };
  yield* depthFirst(changesIn(system, tree, tree.root, false, onEntry), inside);
}

function changesIn(system: System, tree: MergedTree, dir: TreeDir, opaque: boolean, onEntry: () => void): Change[] {
  const gone: Change[] = [];
  const here: Change[] = [];
  for (const [name, entry] of byName(tree.list(dir))) {
    onEntry();
    const { path } = entry;
    if (isSocket(entry)) continue;
    nameable(path, name);
    if (isRemoval(system, tree, entry)) gone.push({ path, kind: 'delete', entry: null });
    else here.push({ path, kind: 'modify', entry });
  }
  // Nothing from below shows in an opaque directory: there is nothing to remove.
  return opaque ? [{ path: dir.path, kind: 'opaque', entry: null }, ...here] : [...gone, ...here];
}

function isOpaqueDir(system: System, tree: MergedTree, entry: TreeEntry): boolean {
  const { dir, name } = tree.locate(entry);
  return isOpaque(system, dir, name);
}

/** Newer kernels may spell a removal as an attribute of an empty file. */
function isRemoval(system: System, tree: MergedTree, entry: TreeEntry): boolean {
  if (isOverlayWhiteout(entry.stat)) return true;
  const marks = overlayMarks(system, tree, entry);
  if (marks.includes('redirect') || marks.includes('metacopy')) {
    throw unrepresentable(entry.path, 'its content is in the layers below, where the overlay file system left it');
  }
  return marks.includes('whiteout') && entry.stat.size === 0;
}

/** The names of the attributes that the overlay file system put on an entry. */
function overlayMarks(system: System, tree: MergedTree, entry: TreeEntry): Bytes[] {
  const { dir, name } = tree.locate(entry);
  const keys = system.listXattrs(dir, name);
  return typeof keys === 'number'
    ? []
    : keys.filter(isOverlayXattr).map((key) => key.slice(key.indexOf('.overlay.') + '.overlay.'.length));
}
