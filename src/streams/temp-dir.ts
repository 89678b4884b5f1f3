import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errnoOf } from '../errors/system-error.ts';
import { type Flock, type HeldLock, removeLock, tryLock } from './lock-file.ts';

/** A directory for unfinished work. While `remove` has not been called, its lock says that somebody is at it. */
export interface StagingDir {
  readonly path: string;
  /** Removes the directory, if it is still there, and its lock. Calling it twice is no error. */
  remove(): Promise<void>;
}

/** How staging directories are locked, and how they are removed (by default with Node's `rm`). */
export interface StagingTools {
  flock: Flock;
  removeTree?: (path: string) => Promise<void>;
}

/** Beside `<name>`, the lock of whoever fills it. */
const LOCK_SUFFIX = '.lock';

/**
 * Makes a directory of a new name (0700) below `parent`, which is made too. Its lock file lies beside it, so that the
 * directory can be renamed away as it is. The lock comes before the directory and goes after it: a directory without a
 * held lock belongs to nobody.
 */
export async function createStagingDir(parent: string, tools: StagingTools): Promise<StagingDir> {
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const { path, lock } = lockNewName(parent, tools.flock);
  let held = true;
  const remove = async (): Promise<void> => {
    if (!held) return;
    held = false;
    await (tools.removeTree ?? removeWithNode)(path);
    removeLock(path + LOCK_SUFFIX, lock);
  };
  await mkdir(path, { mode: 0o700 });
  return { path, remove };
}

/**
 * Removes what nobody works on below `parent`; `before` sees each directory first, under its lock. A directory without
 * a lock file was left by another program, or by one that died while it was taking it away.
 */
export async function sweepStagingDirs(
  parent: string,
  tools: StagingTools,
  before: (path: string) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const names = new Set((await namesIn(parent)).map((name) => name.replace(/\.lock(?:\.held)?$/, '')));
  for (const name of names) {
    const path = join(parent, name);
    const lock = tryLock(path + LOCK_SUFFIX, 'exclusive', tools.flock);
    if (lock === null) continue;
    try {
      await before(path);
      await (tools.removeTree ?? removeWithNode)(path);
    } finally {
      removeLock(path + LOCK_SUFFIX, lock);
    }
  }
}

/** A directory below the system's temporary one, for what has no store to live in. */
export async function createTempDir(prefix = 'layermill-'): Promise<StagingDir> {
  const path = await mkdtemp(join(tmpdir(), prefix));
  return { path, remove: () => removeWithNode(path) };
}

/** A sweep may take the lock file for a moment before we lock it: then another name is as good. */
function lockNewName(parent: string, flock: Flock): { path: string; lock: HeldLock } {
  for (;;) {
    const path = join(parent, randomUUID());
    const lock = tryLock(path + LOCK_SUFFIX, 'exclusive', flock);
    if (lock !== null) return { path, lock };
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

function removeWithNode(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true });
}
