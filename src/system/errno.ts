import { constants } from 'node:os';
import { systemError } from '../errors/system-error.ts';
import type { Bytes, ErrnoName } from './system.ts';

export const EPERM: number = constants.errno.EPERM;
export const ENOENT: number = constants.errno.ENOENT;
export const EINTR: number = constants.errno.EINTR;
export const EIO: number = constants.errno.EIO;
export const ENXIO: number = constants.errno.ENXIO;
export const EAGAIN: number = constants.errno.EAGAIN;
export const EACCES: number = constants.errno.EACCES;
export const EEXIST: number = constants.errno.EEXIST;
export const EXDEV: number = constants.errno.EXDEV;
export const ENOTDIR: number = constants.errno.ENOTDIR;
export const EISDIR: number = constants.errno.EISDIR;
export const EINVAL: number = constants.errno.EINVAL;
export const ENOSPC: number = constants.errno.ENOSPC;
export const EMLINK: number = constants.errno.EMLINK;
export const ENAMETOOLONG: number = constants.errno.ENAMETOOLONG;
export const ENOSYS: number = constants.errno.ENOSYS;
export const ENOTEMPTY: number = constants.errno.ENOTEMPTY;
export const ELOOP: number = constants.errno.ELOOP;
export const ENODATA: number = constants.errno.ENODATA;
export const ESTALE: number = constants.errno.ESTALE;
export const EOPNOTSUPP: number = constants.errno.EOPNOTSUPP;

const NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number as number, name]));

/** `-2` → `ENOENT`; a number that this system has no name for comes back as `E12345`. */
export const errnoName: ErrnoName = (negative: number): string => NAMES.get(-negative) ?? `E${-negative}`;

/**
 * Gives the result of a System call on, or throws the coded error of a negative one. For calls whose failure is no
 * news: where EEXIST or ENOENT decide something, look at the number instead.
 */
export function check(result: number, call: string, path?: Bytes): number;
export function check<Result extends object | string>(result: Result | number, call: string, path?: Bytes): Result;
export function check(result: unknown, call: string, path?: Bytes): unknown {
  if (typeof result !== 'number' || result >= 0) return result;
  throw systemError(errnoName(result), call, path === undefined ? undefined : readable(path));
}

/** A byte string as the text it most likely is; one that is not UTF-8 stays a char a byte. */
function readable(path: Bytes): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(path, 'latin1'));
  } catch {
    return path;
  }
}
