import type { ByteSink } from '../compression/codec.ts';
import { S_IFMT, S_IFSOCK, type System } from '../system/system.ts';
import { type Change, listChanges } from './changes.ts';
import type { LayerMount } from './layer-mount.ts';
import { type MergedTree, openTree, type TreeDir } from './merged-tree.ts';
import { listOverlayChanges } from './overlay-changes.ts';
import { type WriteOptions, writeChanges } from './write-changes.ts';
import { isOverlayWhiteout } from './overlay-marks.ts';

/** Writes what a layer changes against the layers below it. */
export function writeLayerChanges(system: System, mount: LayerMount, sink: ByteSink, options: WriteOptions): void {
  using trees = openBoth(system, mount);
  writeChanges(system, trees.tree, trees.changes(), sink, options);
}

/** Writes what the file system `dir` changes against the layers of `parent`. */
export function writeTreeChanges(
  system: System,
  dir: string,
  parent: LayerMount | null,
  sink: ByteSink,
  options: WriteOptions,
): void {
  using newer = disposable(plainTree(system, dir));
  using older = parent === null ? null : disposable(openTree(system, parent));
  writeChanges(system, newer.tree, listChanges(system, newer.tree, older?.tree ?? null), sink, options);
}

/** Writes a directory that is itself a changeset: everything in it, its `.wh.` files as the whiteouts that they are. */
export function writeDirectory(system: System, dir: string, sink: ByteSink, options: WriteOptions): void {
  using opened = disposable(plainTree(system, dir));
  writeChanges(system, opened.tree, everything(opened.tree, opened.tree.root), sink, options);
}

/**
 * Bytes that a layer adds, as the graph package counted them: the whole tree of a base, what is new or different in a
 * child; each inode once, links by the length of their text. Of an overlay layer all that its directory holds.
 */
export function layerSize(system: System, mount: LayerMount): number {
  using trees = openBoth(system, mount);
  const seen = new Set<string>();
  let size = 0;
  for (const { entry } of trees.changes()) {
    if (entry === null || entry.content !== null || isOverlayWhiteout(entry.stat)) continue;
    if (entry.stat.nlink > 1) {
      if (seen.has(entry.stat.inode)) continue;
      seen.add(entry.stat.inode);
    }
    size += entry.stat.size;
  }
  return size;
}

interface OpenTree extends Disposable {
  tree: MergedTree;
}

/** The tree of a layer, and how it differs from what is below. */
function openBoth(system: System, mount: LayerMount): OpenTree & { changes(): Iterable<Change> } {
  const tree = plainTree(system, mount.dir);
  if (mount.style === 'overlay') {
    return { tree, changes: () => listOverlayChanges(system, tree), [Symbol.dispose]: () => tree.close() };
  }
  const below = mount.lowers[0] === undefined ? null : plainTree(system, mount.lowers[0]);
  return {
    tree,
    changes: () => listChanges(system, tree, below),
    [Symbol.dispose]: () => {
      tree.close();
      below?.close();
    },
  };
}

function plainTree(system: System, dir: string): MergedTree {
  return openTree(system, { style: 'full', dir, lowers: [] });
}

function disposable(tree: MergedTree): OpenTree {
  return { tree, [Symbol.dispose]: () => tree.close() };
}

function* everything(tree: MergedTree, dir: TreeDir): Generator<Change> {
  const entries = [...tree.list(dir)].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [, entry] of entries) {
    if ((entry.stat.mode & S_IFMT) === S_IFSOCK) continue;
    yield { path: entry.path, kind: 'add', entry };
    if (entry.content !== null) yield* everything(tree, entry.content);
  }
}
