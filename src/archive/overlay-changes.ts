import { type Bytes, S_IFMT, S_IFSOCK, type System } from '../system/system.ts';
import { type Change, unrepresentable } from './changes.ts';
import type { MergedTree, TreeDir, TreeEntry } from './merged-tree.ts';
import { isOpaque, isOverlayWhiteout } from './overlay-marks.ts';
import { WHITEOUT_PREFIX } from './whiteouts.ts';

/** What the kernel writes when it moves a directory or copies attributes only: the content is not in the layer then. */
const INDIRECT = ['trusted.overlay.redirect', 'user.overlay.redirect', 'trusted.overlay.metacopy', 'user.overlay.metacopy'];

/**
 * What an overlay layer changes, read from its own directory alone (`tree` shows just that): 0:0 devices are removals,
 * the opaque attribute hides what is below. Throws CHANGES_UNREPRESENTABLE for layers that refer to those below.
 */
export function* listOverlayChanges(system: System, tree: MergedTree): Generator<Change> {
  yield* changesIn(system, tree, tree.root);
}

function* changesIn(system: System, tree: MergedTree, dir: TreeDir): Generator<Change> {
  const entries = [...tree.list(dir).entries()].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [, entry] of entries) {
    if (isOverlayWhiteout(entry.stat)) yield { path: entry.path, kind: 'delete', entry: null };
  }
  for (const [name, entry] of entries) {
    if (isOverlayWhiteout(entry.stat) || (entry.stat.mode & S_IFMT) === S_IFSOCK) continue;
    yield* changesOf(system, tree, name, entry);
  }
}

function* changesOf(system: System, tree: MergedTree, name: Bytes, entry: TreeEntry): Generator<Change> {
  if (name.startsWith(WHITEOUT_PREFIX)) throw unrepresentable(entry.path, 'its name is that of a whiteout');
  const { dir, name: base } = tree.locate(entry);
  for (const key of INDIRECT) {
    if (typeof system.getXattr(dir, base, key) !== 'number') throw unrepresentable(entry.path, `the layer needs those below (${key})`);
  }
  const opaque = entry.content !== null && isOpaque(system, dir, base);
  yield { path: entry.path, kind: 'modify', entry };
  if (opaque) yield { path: entry.path, kind: 'opaque', entry: null };
  if (entry.content !== null) yield* changesIn(system, tree, entry.content);
}
