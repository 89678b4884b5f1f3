import { engineError } from './kinds.ts';
import type { EngineError } from './engine-error.ts';

/** The error of a failed system call, coded by its errno name (`ENOSPC`, …). */
export function systemError(errno: string, call: string, path?: string, cause?: unknown): EngineError {
  const where = path === undefined ? '' : ` ${JSON.stringify(path)}`;
  const at = path === undefined ? {} : { path };
  switch (errno) {
    case 'ENOSPC':
    case 'EDQUOT':
      return engineError(
        'NO_SPACE',
        `no space left: ${call}${where} (${errno}); free some and run it again`,
        at,
        cause,
      );
    case 'EMFILE':
    case 'ENFILE':
      return engineError(
        'TOO_MANY_FILES',
        `too many open files: ${call}${where} (${errno}); raise ulimit -n`,
        at,
        cause,
      );
    case 'EROFS':
      return engineError('READ_ONLY_FILE_SYSTEM', `read-only file system: ${call}${where}`, at, cause);
    case 'EACCES':
    case 'EPERM':
      return engineError('PERMISSION_DENIED', `permission denied: ${call}${where} (${errno})`, at, cause);
    case 'ABORT_ERR':
      return engineError('CANCELLED', `cancelled: ${call}`, {}, cause);
    case 'ENOENT':
      if (path !== undefined) {
        return engineError('FILE_NOT_FOUND', `no such file or directory:${where}`, { path }, cause);
      }
  }
  return engineError('SYSTEM_CALL_FAILED', `${call}${where} failed: ${errno}`, { call, errno, ...at }, cause);
}

/** Node's own system errors (`error.code` is an errno name) as EngineErrors; undefined for any other value. */
export function fromSystemError(thrown: unknown): EngineError | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const { code, syscall, path } = thrown as NodeJS.ErrnoException;
  if (thrown.name === 'AbortError') return engineError('CANCELLED', 'cancelled', {}, thrown);
  if (typeof code !== 'string' || typeof syscall !== 'string' || !/^E[A-Z0-9]+$/.test(code)) return undefined;
  return systemError(code, syscall, path === undefined ? undefined : String(path), thrown);
}

/** The same error, with the file that it is about: Node does not tell which one was open, nor so which disk is full. */
export function withPath(thrown: unknown, path: string): unknown {
  if (errnoOf(thrown) === undefined || (thrown as NodeJS.ErrnoException).path !== undefined) return thrown;
  return Object.assign(thrown as NodeJS.ErrnoException, { path });
}

/** The errno name of a thrown system error, Node's or ours; undefined when it is something else. */
export function errnoOf(thrown: unknown): string | undefined {
  const code = (thrown as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}
