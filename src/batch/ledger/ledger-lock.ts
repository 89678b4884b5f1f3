import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { engineError } from '../../errors/kinds.ts';
import { printable } from '../../reporting/printable.ts';
import { type Flock, type HeldLock, removeLock, tryLock } from '../../streams/lock-file.ts';

/** Takes the lock beside a ledger, with our name in it; releasing removes its file. Throws LEDGER_IN_USE. */
export function lockLedger(path: string, flock: Flock): HeldLock {
  const file = `${path}.lock`;
  const lock = tryLock(file, 'exclusive', flock);
  if (lock === null) throw inUse(path, readHolder(file));
  const held = { release: () => removeLock(file, lock) };
  try {
    writeFileSync(file, JSON.stringify({ pid: process.pid, host: hostname() }));
    return held;
  } catch (error) {
    held.release();
    throw error;
  }
}

function inUse(path: string, holder: string | null): Error {
  const by = holder ?? 'another process';
  const message = `the ledger ${JSON.stringify(path)} is in use by ${by}; wait until that run has ended, stop it, or name another ledger with --ledger`;
  return engineError('LEDGER_IN_USE', message, { path, ...(holder === null ? {} : { holder }) });
}

/** Null when the holder has not written its name yet, or something else is in the file. */
function readHolder(file: string): string | null {
  try {
    const { pid, host } = JSON.parse(readFileSync(file, 'utf8')) as { pid?: unknown; host?: unknown };
    if (typeof pid !== 'number' || typeof host !== 'string') return null;
    return `process ${pid} on ${printable(host)}`;
  } catch {
    return null;
  }
}
