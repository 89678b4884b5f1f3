import type { ByteSink } from '../compression/codec.ts';
import { hasCode } from '../errors/kinds.ts';
import type { Bytes, System } from '../system/system.ts';
import { byName, type Change, isSocket, listChanges } from './changes.ts';
import { depthFirst } from './depth-first.ts';
import { type LayerMount, wholeTree } from './layer-mount.ts';
import { type MergedTree, openTree, type TreeDir, type TreeEntry } from './merged-tree.ts';
import { listOverlayChanges } from './overlay-changes.ts';
import { shownName } from './shown-name.ts';
import { isAufsOwn, WHITEOUT_PREFIX } from './whiteouts.ts';
import { writeChanges } from './write-changes.ts';

export interface ChangesetOptions {
  /** Called for each entry looked at, with 0; throws to stop. */
  tick(bytes: number): void;
  /** Told of what is left out of a directory because this user may not read it. */
  warn(code: string, message: string, entry?: string): void;
}

/** Writes what a layer changes against the layers below it. */
export function writeLayerChanges(system: System, mount: LayerMount, sink: ByteSink, options: ChangesetOptions): void {
  using opened = openLayer(system, mount);
  writeChanges(system, opened.tree, opened.changes(ticking(options)), sink);
}

/** Writes what the layers of `mount` together change against those of `parent`; with null, all that they show. */
export function writeMountChanges(
  system: System,
  mount: LayerMount,
  parent: LayerMount | null,
  sink: ByteSink,
  options: ChangesetOptions,
): void {
  using newer = openTree(system, mount);
  using older = parent === null ? null : openTree(system, parent);
  writeChanges(system, newer, listChanges(system, newer, older, ticking(options)), sink);
}

/**
 * Writes a directory that is itself a changeset: everything in it, its `.wh.` files as the whiteouts that they are; what
 * aufs keeps for itself in a branch is no part of it. What this user may not read is left out with a warning.
 */
export function writeDirectory(system: System, dir: string, sink: ByteSink, options: ChangesetOptions): void {
  using tree = plainTree(system, dir);
  const onUnreadable = (path: Bytes): void => {
    const shown = shownName(path);
    options.warn('PERMISSION_DENIED', `"${shown}" or what it holds is left out: this user may not read it`, shown);
  };
  writeChanges(system, tree, everything(tree, onUnreadable), sink, { onEntry: ticking(options), onUnreadable });
}

/**
 * Bytes that a layer adds, as the graph package counted them: the whole tree of a base, what is new or different in a
 * child. Of an overlay layer, all that its directory holds.
 */
export function layerSize(system: System, mount: LayerMount): number {
  using opened = openLayer(system, mount);
  return changesSize(opened.changes(() => {}));
}

/** Bytes of all that is new or different but directories, each inode once; a link counts the length of its text. */
function changesSize(changes: Iterable<Change>): number {
  const seen = new Set<string>();
  let size = 0;
  for (const { entry } of changes) {
    if (entry === null || entry.content !== null || seen.has(entry.stat.inode)) continue;
    if (entry.stat.nlink > 1) seen.add(entry.stat.inode);
    size += entry.stat.size;
  }
  return size;
}

interface OpenLayer extends Disposable {
  tree: MergedTree;
  changes(onEntry: () => void): Iterable<Change>;
}

/** The tree of a layer, and how it differs from what is below. */
function openLayer(system: System, mount: LayerMount): OpenLayer {
  const tree = plainTree(system, mount.dir);
  if (mount.style === 'overlay') {
    return {
      tree,
      changes: (onEntry) => listOverlayChanges(system, tree, onEntry),
      [Symbol.dispose]: () => tree.close(),
    };
  }
  const below = mount.lowers[0] === undefined ? null : plainTree(system, mount.lowers[0]);
  return {
    tree,
    changes: (onEntry) => listChanges(system, tree, below, onEntry),
    [Symbol.dispose]: () => {
      tree.close();
      below?.close();
    },
  };
}

function plainTree(system: System, dir: string): MergedTree {
  return openTree(system, wholeTree(dir));
}

function ticking(options: ChangesetOptions): () => void {
  return () => options.tick(0);
}

function* everything(tree: MergedTree, onUnreadable: (path: Bytes) => void): Generator<Change> {
  const inside = ({ entry }: Change): Change[] => (entry?.content ? changesIn(tree, entry.content, onUnreadable) : []);
  yield* depthFirst(changesIn(tree, tree.root, onUnreadable), inside);
}

/** Whiteouts first, so that no reader removes what it has just made. */
function changesIn(tree: MergedTree, dir: TreeDir, onUnreadable: (path: Bytes) => void): Change[] {
  const entries = byName(readable(tree, dir, onUnreadable)).filter(
    ([, entry]) => !isSocket(entry) && !isAufsOwn(entry.path),
  );
  const isWhiteout = ([name]: [Bytes, TreeEntry]): boolean => name.startsWith(WHITEOUT_PREFIX);
  const ordered = [...entries.filter(isWhiteout), ...entries.filter((named) => !isWhiteout(named))];
  return ordered.map(([, entry]) => ({ path: entry.path, kind: 'add', entry }));
}

function readable(tree: MergedTree, dir: TreeDir, onUnreadable: (path: Bytes) => void): Map<Bytes, TreeEntry> {
  try {
    return tree.list(dir);
  } catch (error) {
    // The directory to pack itself must be readable.
    if (dir.path === '' || !hasCode(error, 'PERMISSION_DENIED')) throw error;
    onUnreadable(dir.path);
    return new Map();
  }
}
