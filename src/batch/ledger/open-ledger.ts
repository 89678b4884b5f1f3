import { closeSync, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, extname, join } from 'node:path';
import { fromSystemError, systemError } from '../../errors/system-error.ts';
import type { Flock, HeldLock } from '../../streams/lock-file.ts';
import type { Ledger } from './ledger.ts';
import { lockLedger } from './ledger-lock.ts';
import { type Connection, connect, loadSqlite } from './sqlite-connection.ts';
import { invalidLedger, sqliteFailure } from './sqlite-failure.ts';
import { SqliteLedger } from './sqlite-ledger.ts';
import { SqliteReader } from './sqlite-reader.ts';
import { checkFormat, prepareFile } from './sqlite-schema.ts';

export interface LedgerOptions {
  flock: Flock;
  /** Milliseconds since 1970. */
  clock?: () => number;
  /** How long a write waits for others, so that the disk is waited for once: 50 ms without it. */
  groupMs?: number;
}

const GROUP_MS = 50;

/** How every SQLite file begins (sqlite.org/fileformat2.html, 1.3). */
const SQLITE_MAGIC = 'SQLite format 3\0';

/**
 * Opens the ledger of this file for one run, and makes it when it is missing, with its directory. Throws LEDGER_IN_USE,
 * LEDGER_INVALID, LEDGER_FORMAT_NEWER, LIBRARY_UNAVAILABLE, or what the file system says.
 */
export async function openLedger(path: string, options: LedgerOptions): Promise<Ledger> {
  const { flock, clock = Date.now, groupMs = GROUP_MS } = options;
  const sqlite = await loadSqlite();
  const lock = coded(path, () => {
    mkdirSync(dirname(path), { recursive: true });
    return lockLedger(path, flock);
  });
  return opened(path, lock, () => {
    checkFile(path);
    const db = connect(sqlite, path, false);
    return closing(db, () => {
      prepareFile(db, path, clock());
      return new SqliteLedger(db, path, lock, { clock, groupMs });
    });
  });
}

/**
 * Opens a ledger to be read, also while a run writes it. Throws FILE_NOT_FOUND, LEDGER_INVALID, LEDGER_FORMAT_NEWER,
 * LIBRARY_UNAVAILABLE; methods that write throw INTERNAL.
 */
export async function openLedgerReadOnly(path: string): Promise<Ledger> {
  const sqlite = await loadSqlite();
  return coded(path, () => {
    if (!checkFile(path)) throw systemError('ENOENT', 'open', path);
    const db = connect(sqlite, path, true);
    return closing(db, () => {
      checkFormat(db, path);
      return new SqliteReader(db, path, Date.now);
    });
  });
}

/**
 * Where the ledger of a batch is when nobody says: beside the job file (`x.yaml` → `x.ledger`), without one
 * `$XDG_STATE_HOME/layermill/ID.ledger`, by the id of the plan.
 */
export function ledgerPath(jobFile: string | null, planId: string, env: NodeJS.ProcessEnv): string {
  if (jobFile !== null) return join(dirname(jobFile), `${basename(jobFile, extname(jobFile))}.ledger`);
  return join(stateDirectory(env), `${planId.replace(/^sha256:/, '')}.ledger`);
}

/** `$XDG_STATE_HOME/layermill`; a relative one is to be ignored (XDG base directory specification). */
function stateDirectory(env: NodeJS.ProcessEnv): string {
  const state = env['XDG_STATE_HOME'];
  return join(state?.startsWith('/') === true ? state : join(homedir(), '.local', 'state'), 'layermill');
}

/** False when there is none. SQLite would take a short file of anybody's for an empty one, and write to it. */
function checkFile(path: string): boolean {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) return false;
  if (!status.isFile()) throw invalidLedger(path, 'it is no file');
  if (status.size > 0 && !begins(path, SQLITE_MAGIC)) throw invalidLedger(path, 'it is no SQLite file');
  return true;
}

function begins(path: string, text: string): boolean {
  const fd = openSync(path, 'r');
  try {
    const start = Buffer.alloc(text.length);
    return readSync(fd, start, 0, start.length, 0) === start.length && start.toString('latin1') === text;
  } finally {
    closeSync(fd);
  }
}

function opened<Value>(path: string, lock: HeldLock, open: () => Value): Value {
  try {
    return coded(path, open);
  } catch (error) {
    lock.release();
    throw error;
  }
}

function closing<Value>(db: Connection, work: () => Value): Value {
  try {
    return work();
  } catch (error) {
    db.close();
    throw error;
  }
}

function coded<Value>(path: string, work: () => Value): Value {
  try {
    return work();
  } catch (error) {
    throw fromSystemError(error) ?? sqliteFailure(error, path);
  }
}
