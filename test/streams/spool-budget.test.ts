import { describe, expect, it } from 'vitest';
import { SpoolBudget, type SpoolShare } from '../../src/streams/spool-budget.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Grows without waiting for it; `got` tells whether it had room. */
function ask(share: SpoolShare, bytes: number, signal?: AbortSignal) {
  const state = { got: false, error: undefined as unknown };
  share.grow(bytes, signal).then(
    () => (state.got = true),
    (error: unknown) => (state.error = error),
  );
  return state;
}

describe('SpoolBudget', () => {
  it('counts what is held, and remembers the most', async () => {
    const budget = new SpoolBudget(10);
    const release = await budget.acquire(7);
    const share = budget.share();
    await share.grow(2);
    share.add(-1);
    expect(budget).toMatchObject({ used: 8, peak: 9 });
    release();
    release();
    share.release();
    share.release();
    expect(budget).toMatchObject({ used: 0, peak: 9 });
  });

  it('lets everyone but the oldest holder wait for room, in the order they came', async () => {
    const budget = new SpoolBudget(10);
    const [oldest, second, third] = [budget.share(), budget.share(), budget.share()];
    await oldest.grow(6);
    const waiting = [ask(second, 5), ask(third, 1)];
    await turn();
    expect(waiting.map(({ got }) => got)).toEqual([false, false]);
    oldest.add(-2);
    await turn();
    expect(waiting.map(({ got }) => got)).toEqual([true, true]);
    expect(budget.peak).toBe(10);
  });

  it('ends although several hold a part of what each of them needs', async () => {
    const budget = new SpoolBudget(10);
    const write = async (): Promise<void> => {
      const share = budget.share();
      for (let piece = 0; piece < 20; piece++) {
        await share.grow(1);
        await turn();
      }
      share.release();
    };
    await Promise.all(Array.from({ length: 5 }, write));
    expect(budget.used).toBe(0);
    // The bound, and the rest of the one file that may go beyond it.
    expect(budget.peak).toBeLessThanOrEqual(10 + 20);
  });

  it('passes the right of the oldest on from one that waits for others', async () => {
    const budget = new SpoolBudget(4);
    const [above, below] = [budget.share(), budget.share()];
    await above.grow(4);
    const waiting = ask(below, 3);
    await turn();
    expect(waiting.got).toBe(false);
    above.stepAside();
    await turn();
    expect(waiting.got).toBe(true);
    expect(budget.used).toBe(7);
  });

  it('forgets who gives up, and lets those behind go on', async () => {
    const budget = new SpoolBudget(4);
    const oldest = budget.share();
    await oldest.grow(3);
    const stop = new AbortController();
    const [large, small] = [budget.share(), budget.share()];
    const waiting = [ask(large, 3, stop.signal), ask(small, 1)];
    await turn();
    expect(waiting[1]!.got).toBe(false);
    stop.abort();
    await turn();
    expect(waiting[0]!.error).toMatchObject({ code: 'CANCELLED' });
    expect(waiting[1]!.got).toBe(true);
    large.release();
    expect(budget.used).toBe(4);
    await expect(budget.acquire(1, AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it('gives back what a share gets after it was released', async () => {
    const budget = new SpoolBudget(1);
    const [oldest, late] = [budget.share(), budget.share()];
    await oldest.grow(1);
    ask(late, 1);
    late.release();
    oldest.release();
    await turn();
    expect(budget.used).toBe(0);
  });
});
