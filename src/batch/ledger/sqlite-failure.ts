import { accessSync, constants } from 'node:fs';
import { engineError, isEngineError } from '../../errors/kinds.ts';
import { errnoOf, systemError } from '../../errors/system-error.ts';

/** What SQLite throws as a coded error that names the ledger; other things thrown are given back (sqlite.org/rescode.html). */
export function sqliteFailure(thrown: unknown, path: string): unknown {
  const code = (thrown as { code?: unknown } | null)?.code;
  if (isEngineError(thrown) || typeof code !== 'string' || !code.startsWith('SQLITE_')) return thrown;
  const said = (thrown as Error).message;
  // An index beside the file that cannot grow has met a full disk too.
  if (code === 'SQLITE_FULL' || code === 'SQLITE_IOERR_SHMSIZE') return systemError('ENOSPC', 'write', path, thrown);
  if (code === 'SQLITE_NOTADB') return invalidLedger(path, 'it is no SQLite file', thrown);
  if (code.startsWith('SQLITE_CORRUPT')) return invalidLedger(path, `it is damaged (${said})`, thrown);
  if (code.startsWith('SQLITE_READONLY')) return systemError(access(path) ?? 'EROFS', 'write', path, thrown);
  if (code.startsWith('SQLITE_CANTOPEN')) return systemError(access(path) ?? code, 'open', path, thrown);
  if (/^SQLITE_(BUSY|IOERR|NOMEM|LOCKED|PROTOCOL)/.test(code)) return systemError(code, 'SQLite on', path, thrown);
  // Anything else, such as a statement with a fault, is ours.
  return engineError('INTERNAL', `the ledger ${JSON.stringify(path)}: ${said} (${code})`, { where: 'ledger' }, thrown);
}

/** The error of a file that cannot be a ledger, or not any more. */
export function invalidLedger(path: string, reason: string, cause?: unknown): Error {
  const message = `${JSON.stringify(path)} is no ledger that can be used: ${reason}; name another file, or move this one away to begin anew`;
  return engineError('LEDGER_INVALID', message, { path }, cause);
}

/** Why the file cannot be read and written, as an errno name; null when it can. */
function access(path: string): string | null {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return null;
  } catch (error) {
    return errnoOf(error) ?? null;
  }
}
