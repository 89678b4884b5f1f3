import { appendFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const NEW_FILES = 200;
/** December 2020: a change in place gets a time that is not that of the run. */
const CHANGED_AT = 1_606_780_800;

/**
 * Changes a tree as a day of work would, always in the same way: every fiftieth file grows, every hundredth goes, and
 * a directory of new ones appears.
 */
export function changeTree(root: string): void {
  const files = filesBelow(root);
  for (const [index, file] of files.entries()) {
    if (index % 100 === 99) rmSync(file);
    else if (index % 50 === 49) {
      appendFileSync(file, 'changed\n');
      utimesSync(file, CHANGED_AT, CHANGED_AT);
    }
  }
  for (let i = 0; i < NEW_FILES; i++) {
    const file = join(root, `new-${i}`);
    writeFileSync(file, `new file ${i}\n`.repeat(100));
    utimesSync(file, CHANGED_AT, CHANGED_AT);
  }
}

/** Paths of regular files, sorted. */
function filesBelow(root: string): string[] {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
