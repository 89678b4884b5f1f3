import { engineError } from '../errors/kinds.ts';
import { type Bytes, S_IFMT, S_IFSOCK, type System } from '../system/system.ts';
import { differs, isSameInode, type TwoTrees } from './compare-entries.ts';
import type { MergedTree, TreeDir, TreeEntry } from './merged-tree.ts';
import { join } from './paths.ts';
import { shownName } from './shown-name.ts';
import { WHITEOUT_PREFIX } from './whiteouts.ts';

/** One difference between two trees. `entry` is what is there now; null for what is gone. */
export type Change =
  | { path: Bytes; kind: 'add' | 'modify'; entry: TreeEntry }
  | { path: Bytes; kind: 'delete'; entry: null }
  /** Everything that the layers below have in a directory is gone. */
  | { path: Bytes; kind: 'opaque'; entry: null };

/** What was found out about one name of a directory. */
interface Finding {
  change: Change;
  /** False for a directory that only matters when something inside it changed. */
  changed: boolean;
  inside: { now: TreeDir; before: TreeDir | null } | null;
}

interface Level {
  findings: Finding[];
  /** The change of the directory itself, until it or something inside it has been given. */
  unsaid: Change | null;
}

/**
 * What must be done to `older` (null: nothing at all) to make it `newer`: in each directory first what is gone, then the
 * rest, by the bytes of the names, a directory before what is in it. A directory in which something changed is named
 * too, so that its attributes travel; the root never is. Sockets are left out. Memory for the directories on one path.
 * `onEntry` is called for each entry looked at, and may throw to stop. Throws CHANGES_UNREPRESENTABLE for names that
 * would be whiteouts.
 */
export function* listChanges(
  system: System,
  newer: MergedTree,
  older: MergedTree | null,
  onEntry: () => void = () => {},
): Generator<Change> {
  const trees = older === null ? null : { system, newer, older };
  const find = (now: TreeDir, before: TreeDir | null): Finding[] =>
    findIn(trees, newer, now, before, onEntry).reverse();
  const levels: Level[] = [{ findings: find(newer.root, older?.root ?? null), unsaid: null }];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const finding = level.findings.pop();
    if (finding === undefined) {
      levels.pop();
      continue;
    }
    if (finding.changed) {
      for (const above of levels) {
        if (above.unsaid !== null) yield above.unsaid;
        above.unsaid = null;
      }
      yield finding.change;
    }
    if (finding.inside !== null) {
      const { now, before } = finding.inside;
      levels.push({ findings: find(now, before), unsaid: finding.changed ? null : finding.change });
    }
  }
}

function findIn(
  trees: TwoTrees | null,
  newer: MergedTree,
  now: TreeDir,
  before: TreeDir | null,
  onEntry: () => void,
): Finding[] {
  const entries = newer.list(now);
  const old = trees === null || before === null ? new Map<Bytes, TreeEntry>() : trees.older.list(before);
  const findings: Finding[] = [];
  for (const [name, entry] of byName(old)) {
    const current = entries.get(name);
    if (isSocket(entry) || (current !== undefined && !isSocket(current))) continue;
    findings.push({
      change: { path: nameable(join(now.path, name), name), kind: 'delete', entry: null },
      changed: true,
      inside: null,
    });
  }
  for (const [name, entry] of byName(entries)) {
    onEntry();
    if (isSocket(entry)) continue;
    const finding = compare(trees, entry, old.get(name) ?? null);
    if (finding === null) continue;
    nameable(entry.path, name);
    findings.push(finding);
  }
  return findings;
}

/** Null when nothing at or below the name has changed. */
function compare(trees: TwoTrees | null, now: TreeEntry, before: TreeEntry | null): Finding | null {
  if (trees === null || before === null || isSocket(before)) {
    const inside = now.content === null ? null : { now: now.content, before: null };
    return { change: { path: now.path, kind: 'add', entry: now }, changed: true, inside };
  }
  if (isSameInode(now, before)) return null;
  const changed = differs(trees, now, before);
  if (now.content === null && !changed) return null;
  const inside = now.content === null ? null : { now: now.content, before: before.content };
  return { change: { path: now.path, kind: 'modify', entry: now }, changed, inside };
}

/** In the order of the bytes, whatever the language of the names. */
export function byName(entries: ReadonlyMap<Bytes, TreeEntry>): [name: Bytes, entry: TreeEntry][] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
}

export function isSocket(entry: TreeEntry): boolean {
  return (entry.stat.mode & S_IFMT) === S_IFSOCK;
}

/** A layer cannot say that such a file exists: its name would remove another one. */
export function nameable(path: Bytes, name: Bytes): Bytes {
  if (name.startsWith(WHITEOUT_PREFIX)) throw unrepresentable(path, 'its name is that of a whiteout');
  return path;
}

export function unrepresentable(path: Bytes, why: string): Error {
  const shown = shownName(path);
  return engineError('CHANGES_UNREPRESENTABLE', `"${shown}" cannot be part of a layer: ${why}`, { path: shown });
}
