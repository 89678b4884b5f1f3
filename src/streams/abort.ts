import { setMaxListeners } from 'node:events';
import type { EngineError } from '../errors/engine-error.ts';
import { engineError } from '../errors/kinds.ts';

/**
 * Calls `listener` when `signal` aborts, at once when it already has; answers the function that stops listening. One
 * signal may stop thousands of waiting tasks, so Node's warning about more than ten listeners is switched off for it.
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal === undefined) return () => undefined;
  if (signal.aborted) {
    listener();
    return () => undefined;
  }
  setMaxListeners(0, signal);
  signal.addEventListener('abort', listener, { once: true });
  return () => signal.removeEventListener('abort', listener);
}

/** Settles as `promise` does, or rejects with CANCELLED when `signal` aborts first; the promise itself goes on. */
export async function abortable<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return promise;
  let deafen = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    deafen = onAbort(signal, () => reject(cancelled(signal)));
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    deafen();
  }
}

/** The error of work that an AbortSignal stopped. */
export function cancelled(signal: AbortSignal | undefined, message = 'cancelled'): EngineError {
  return engineError('CANCELLED', message, {}, signal?.reason);
}

/** Throws CANCELLED when `signal` was aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw cancelled(signal);
}
