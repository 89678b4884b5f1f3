import { describe, expect, it } from 'vitest';
import { abortable, onAbort, throwIfAborted } from '../../src/streams/abort.ts';

describe('onAbort', () => {
  it('calls the listener once, when the signal aborts', () => {
    const abort = new AbortController();
    let calls = 0;
    onAbort(abort.signal, () => calls++);
    expect(calls).toBe(0);
    abort.abort();
    abort.abort();
    expect(calls).toBe(1);
  });

  it('calls it at once when the signal has aborted already', () => {
    let calls = 0;
    onAbort(AbortSignal.abort(), () => calls++);
    expect(calls).toBe(1);
  });

  it('stops listening', () => {
    const abort = new AbortController();
    let calls = 0;
    onAbort(abort.signal, () => calls++)();
    abort.abort();
    expect(calls).toBe(0);
  });

  it('lets any number of tasks listen to one signal without a warning', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    const { signal } = new AbortController();
    for (let i = 0; i < 100; i++) onAbort(signal, () => {});
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });
});

describe('abortable', () => {
  it('settles as the promise does', async () => {
    const { signal } = new AbortController();
    expect(await abortable(Promise.resolve(1), signal)).toBe(1);
    await expect(abortable(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
    expect(await abortable(Promise.resolve(2), undefined)).toBe(2);
  });

  it('rejects with CANCELLED, and the reason as its cause, when the signal aborts first', async () => {
    const abort = new AbortController();
    const waiting = abortable(new Promise(() => {}), abort.signal);
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED', cause: reason });
  });
});

describe('throwIfAborted', () => {
  it('throws CANCELLED for an aborted signal only', () => {
    throwIfAborted(undefined);
    throwIfAborted(new AbortController().signal);
    expect(() => throwIfAborted(AbortSignal.abort())).toThrow(expect.objectContaining({ code: 'CANCELLED' }));
  });
});
