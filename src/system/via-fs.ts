import { EIO } from './errno.ts';

/** The answer of a node:fs call, or the negative errno of the exception it threw. */
export function viaFs<Result>(call: () => Result): Result | number {
  try {
    return call();
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).errno;
    return typeof errno === 'number' && errno < 0 ? errno : -EIO;
  }
}

/** The same for a call that answers nothing: 0, or a negative errno. */
export function doneViaFs(call: () => void): number {
  const result = viaFs(call);
  return typeof result === 'number' ? result : 0;
}
