import {
  closeSync,
  constants as fsConstants,
  fstatSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { constants, hostname } from 'node:os';
import { errnoOf, systemError } from '../errors/system-error.ts';

/** Takes or frees an advisory lock on an open file, at once or not at all: 0, or a negative errno. */
export type Flock = (fd: number, mode: 'shared' | 'exclusive' | 'none') => number;

/** A lock that this process holds. Releasing it twice is no error. */
export interface HeldLock {
  release(): void;
}

const { EAGAIN, ENOLCK, ENOSYS, EOPNOTSUPP } = constants.errno;

/** Beside a lock file, where the system has no flock: who holds it. */
const HOLDER_SUFFIX = '.held';

/**
 * Takes the lock of the file `path` (made when it is missing), or answers null when another holder has it. The kernel
 * frees a dead process's lock; where there is no flock, a file with host, process and start time says who holds it, and
 * that of a dead process is taken over.
 */
export function tryLock(path: string, mode: 'shared' | 'exclusive', flock: Flock): HeldLock | null {
  for (;;) {
    const fd = openSync(path, fsConstants.O_RDWR | fsConstants.O_CREAT, 0o600);
    const result = flock(fd, mode);
    if (result === 0 && isStill(path, fd)) return heldBy(() => closeSync(fd));
    closeSync(fd);
    if (result === -EAGAIN) return null;
    if (result === -ENOSYS || result === -EOPNOTSUPP) return lockByFile(path, mode);
    if (result !== 0) throw systemError(errnoName(result), 'flock', path);
    // Its last holder removed the file while we waited for the kernel: that lock guards nothing any more.
  }
}

/**
 * Takes a lock on a file that has another purpose: nothing is made or written. `held` when somebody is in the way, and
 * `missing` when there is no such file, or no longer. Where there are no locks, everybody gets one.
 */
export function tryLockExisting(
  path: string,
  mode: 'shared' | 'exclusive',
  flock: Flock,
): HeldLock | 'held' | 'missing' {
  // Over NFS an exclusive lock needs a file that is open for writing.
  const fd = openExisting(path, mode === 'shared' ? fsConstants.O_RDONLY : fsConstants.O_RDWR);
  if (fd === null) return 'missing';
  const result = flock(fd, mode);
  const noLocks = result === -ENOSYS || result === -EOPNOTSUPP || result === -ENOLCK;
  if ((result === 0 || noLocks) && isStill(path, fd)) return heldBy(() => closeSync(fd));
  closeSync(fd);
  if (result === -EAGAIN) return 'held';
  if (result !== 0 && !noLocks) throw systemError(errnoName(result), 'flock', path);
  return 'missing';
}

/** Removes a lock file and frees its lock. */
export function removeLock(path: string, lock: HeldLock): void {
  rmSync(path, { force: true });
  lock.release();
}

/** True when a process with this number runs here. */
export function processLives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function openExisting(path: string, flags: number): number | null {
  try {
    // A fifo in its place would be waited for.
    return openSync(path, flags | fsConstants.O_NOFOLLOW | fsConstants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function isStill(path: string, fd: number): boolean {
  return statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino;
}

function heldBy(free: () => void): HeldLock {
  let held = true;
  return {
    release: () => {
      if (held) free();
      held = false;
    },
  };
}

/** Without flock readers are not kept out: every file of a store is replaced as a whole anyway. */
function lockByFile(path: string, mode: 'shared' | 'exclusive'): HeldLock | null {
  if (mode === 'shared') return heldBy(() => {});
  const holder = path + HOLDER_SUFFIX;
  const made = createHolder(holder) || (!isAlive(readHolder(holder)) && takeOver(holder));
  return made ? heldBy(() => rmSync(holder, { force: true })) : null;
}

function createHolder(path: string): boolean {
  try {
    const fd = openSync(path, 'wx', 0o600);
    writeSync(fd, JSON.stringify({ host: hostname(), pid: process.pid, started: startTime(process.pid) }));
    closeSync(fd);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function takeOver(path: string): boolean {
  rmSync(path, { force: true });
  return createHolder(path);
}

interface Holder {
  host: string;
  pid: number;
  started: string | null;
}

function readHolder(path: string): Holder | null {
  try {
    return JSON.parse(readFileSync(path, 'latin1')) as Holder;
  } catch {
    return null;
  }
}

/** A holder on another host counts as alive, and so does one that is just being written: nothing here can tell. */
function isAlive(holder: Holder | null): boolean {
  if (holder === null || holder.host !== hostname()) return true;
  return processLives(holder.pid) && startTime(holder.pid) === holder.started;
}

/** When a process started, in ticks of the kernel, which tells a number used again; null where nothing says it. */
function startTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

function errnoName(negative: number): string {
  return Object.entries(constants.errno).find(([, value]) => value === -negative)?.[0] ?? `E${-negative}`;
}
