import { setMaxListeners } from 'node:events';

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
