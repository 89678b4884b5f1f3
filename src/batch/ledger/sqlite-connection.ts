import type Database from 'better-sqlite3';
import { engineError } from '../../errors/kinds.ts';
import { sqliteFailure } from './sqlite-failure.ts';

export type Connection = Database.Database;
export type Statement<Values extends unknown[], Row = unknown> = Database.Statement<Values, Row>;

type Sqlite = typeof Database;

/** Readers and a checkpoint may be in each other's way for a moment. */
const BUSY_MS = 5000;

/** Pages of a plan of some 100,000 items are read and written together: 64 MB of them are kept. */
const CACHE_KB = 64 * 1024;

/** The package, with its native part, which is optional. Throws LIBRARY_UNAVAILABLE. */
export async function loadSqlite(
  load: () => Promise<{ default: Sqlite }> = () => import('better-sqlite3'),
): Promise<Sqlite> {
  try {
    const { default: sqlite } = await load();
    // The native part is looked for when the first database is opened.
    new sqlite(':memory:').close();
    return sqlite;
  } catch (error) {
    throw unavailable((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND' ? 'missing' : 'failed', error);
  }
}

/** Opens the file, for reading only when it has to be there. Throws as `sqliteFailure` says. */
export function connect(sqlite: Sqlite, path: string, readonly: boolean): Connection {
  try {
    const db = new sqlite(path, { readonly, fileMustExist: readonly, timeout: BUSY_MS });
    db.pragma(`cache_size = -${CACHE_KB}`);
    return db;
  } catch (error) {
    throw sqliteFailure(error, path);
  }
}

function unavailable(why: 'missing' | 'failed', cause: unknown): Error {
  const problem =
    why === 'missing'
      ? 'is not installed; "npm install better-sqlite3" brings it (with -g where layermill is installed so)'
      : 'does not load here; "npm rebuild better-sqlite3" builds its native part for this Node (needs a C++ compiler)';
  const message = `the ledger of a batch is kept with the npm package better-sqlite3, which ${problem}`;
  return engineError('LIBRARY_UNAVAILABLE', message, { library: 'SQLite', package: 'better-sqlite3', why }, cause);
}
