import { engineError } from '../errors/kinds.ts';
import type { Bytes } from '../system/system.ts';
import { shownName } from './shown-name.ts';

export const WHITEOUT_PREFIX = '.wh.';
/** Hides everything that the layers below have in its directory. */
export const OPAQUE_MARKER = '.wh..wh..opq';
/** aufs kept its own files under names with this prefix, at the root only. */
const AUFS_PREFIX = '.wh..wh.';
/** Where aufs kept the files that hard links share. */
export const AUFS_LINKS = '.wh..wh.plnk';

/** What a cleaned path stands for, by its name alone: type, size and body of a whiteout's entry mean nothing. */
export interface ClassifiedName {
  /**
   * `whiteout` removes `base` of the layers below from `dir`; `opaque` empties `dir`; `aufs` is a file system's own
   * file and no part of the layer.
   */
  kind: 'plain' | 'whiteout' | 'opaque' | 'aufs';
  /** `''` is the root. */
  dir: Bytes;
  /** The last component, without the prefix in a whiteout; `''` for the root and for `opaque`. */
  base: Bytes;
}

/**
 * Tells whiteouts from files. Only the last component counts: `.wh.x/y` is a file in a directory of that name.
 * Throws WHITEOUT_INVALID when the name left after the prefix is none, `.` or `..`.
 */
export function classifyName(path: Bytes): ClassifiedName {
  const slash = path.lastIndexOf('/');
  const dir = slash < 0 ? '' : path.slice(0, slash);
  const base = slash < 0 ? path : path.slice(slash + 1);
  if (isAufsOwn(path)) return { kind: 'aufs', dir, base };
  if (!base.startsWith(WHITEOUT_PREFIX)) return { kind: 'plain', dir, base };
  if (base === OPAQUE_MARKER) return { kind: 'opaque', dir, base: '' };
  const hidden = base.slice(WHITEOUT_PREFIX.length);
  if (hidden === '' || hidden === '.' || hidden === '..') throw invalidWhiteout(path);
  return { kind: 'whiteout', dir, base: hidden };
}

/** True for what aufs keeps for itself at the root of a branch, and for everything in it. */
export function isAufsOwn(path: Bytes): boolean {
  return path.startsWith(AUFS_PREFIX) && path !== OPAQUE_MARKER;
}

function invalidWhiteout(path: Bytes): Error {
  const entry = shownName(path);
  return engineError(
    'WHITEOUT_INVALID',
    `whiteout "${entry}" names nothing that could be removed; do not trust this layer`,
    {
      entry,
    },
  );
}

/**
 * The path of an entry below the root: leading slashes stripped, `.`, `..`, `//` and a trailing slash resolved by the
 * text alone, whatever links the tree has. `''` is the root. Two names are the same path when this answers the same.
 * Throws ENTRY_OUTSIDE_ROOT when `..` leads above the root.
 */
export function cleanName(name: Bytes): Bytes {
  const clean = cleanPath(name);
  if (clean !== null) return clean;
  const entry = shownName(name);
  throw engineError('ENTRY_OUTSIDE_ROOT', `entry "${entry}" leads out of the layer's root; do not trust this layer`, {
    entry,
  });
}

/** As `cleanName`; null when `..` leads above the root. */
export function cleanPath(name: Bytes): Bytes | null {
  if (isClean(name)) return name;
  const components: Bytes[] = [];
  for (const component of name.split('/')) {
    if (component === '' || component === '.') continue;
    if (component !== '..') components.push(component);
    else if (components.pop() === undefined) return null;
  }
  return components.join('/');
}

/** True for nearly every name; the rest may be clean too. */
function isClean(name: Bytes): boolean {
  return (
    name !== '' &&
    !name.startsWith('/') &&
    !name.startsWith('.') &&
    !name.endsWith('/') &&
    !name.includes('/.') &&
    !name.includes('//')
  );
}
