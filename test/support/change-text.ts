import type { Change } from '../../src/archive/changes.ts';
import { shownName } from '../../src/archive/shown-name.ts';

const LETTERS = { add: 'A', modify: 'C', delete: 'D', opaque: 'O' } as const;

/** `C /path`, `A /path`, `D /path`, as `docker diff` prints them; `O` for a directory that hides what is below. */
export function changeText(change: Change): string {
  return `${LETTERS[change.kind]} /${shownName(change.path)}`;
}
