import { describe, expect, it } from 'vitest';
import { Budget } from '../../src/streams/byte-budget.ts';

/** Acquires without waiting for it; `got` tells whether it was lent. */
function ask(budget: Budget, amount: number, signal?: AbortSignal, rank?: number) {
  const state = { got: false, release: () => {}, error: undefined as unknown };
  const settled = budget.acquire(amount, signal, rank).then(
    (release) => Object.assign(state, { got: true, release }),
    (error: unknown) => Object.assign(state, { error }),
  );
  return Object.assign(state, { settled });
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('Budget', () => {
  it('lends at once what it has, and remembers how much is out', async () => {
    const budget = new Budget(10);
    const release = await budget.acquire(7);
    expect(budget.used).toBe(7);
    release();
    release();
    expect(budget.used).toBe(0);
  });

  it('never lends more than its capacity', async () => {
    const budget = new Budget(10);
    const asked = [4, 4, 4, 4].map((amount) => ask(budget, amount));
    await turn();
    expect(asked.map(({ got }) => got)).toEqual([true, true, false, false]);
    expect(budget).toMatchObject({ used: 8, waiting: 2 });
    asked[0]!.release();
    await turn();
    expect(asked.map(({ got }) => got)).toEqual([true, true, true, false]);
  });

  it('serves a higher rank first, and one rank in the order it came', async () => {
    const budget = new Budget(1);
    const release = await budget.acquire(1);
    const asked = [1, 2, 1, 2].map((rank) => ask(budget, 1, undefined, rank));
    const order: number[] = [];
    release();
    for (let served = 0; served < asked.length; served++) {
      await turn();
      const index = asked.findIndex(({ got }, i) => got && !order.includes(i));
      order.push(index);
      asked[index]!.release();
    }
    expect(order).toEqual([1, 3, 0, 2]);
  });

  it('serves first come first: small requests do not starve a large one', async () => {
    const budget = new Budget(10);
    const first = ask(budget, 6);
    const large = ask(budget, 10);
    const small = ask(budget, 1);
    await turn();
    expect([large.got, small.got]).toEqual([false, false]);
    first.release();
    await first.settled;
    first.release();
    await turn();
    expect([large.got, small.got]).toEqual([true, false]);
    large.release();
    await turn();
    expect(small.got).toBe(true);
  });

  it('lends everything, alone, to a request for more than everything', async () => {
    const budget = new Budget(10);
    const small = ask(budget, 1);
    const huge = ask(budget, 1000);
    await turn();
    expect(huge.got).toBe(false);
    small.release();
    await turn();
    expect(huge.got).toBe(true);
    expect(budget.used).toBe(10);
  });

  it('forgets a request that is aborted while it waits, and admits those behind it', async () => {
    const budget = new Budget(10);
    const abort = new AbortController();
    const held = ask(budget, 5);
    const large = ask(budget, 10, abort.signal);
    const small = ask(budget, 5);
    await turn();
    abort.abort();
    await turn();
    expect(large.error).toMatchObject({ code: 'CANCELLED' });
    expect(small.got).toBe(true);
    held.release();
    small.release();
    expect(budget).toMatchObject({ used: 0, waiting: 0 });
  });

  it('refuses a signal that is aborted already', async () => {
    await expect(new Budget(1).acquire(1, AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it('keeps nothing of an abort that comes after the loan', async () => {
    const budget = new Budget(1);
    const abort = new AbortController();
    const held = ask(budget, 1);
    const next = ask(budget, 1, abort.signal);
    await turn();
    held.release();
    await turn();
    abort.abort();
    await turn();
    expect(next).toMatchObject({ got: true, error: undefined });
    expect(budget.used).toBe(1);
  });

  it('refuses everyone once it is closed, but takes back what is out', async () => {
    const budget = new Budget(1);
    const held = ask(budget, 1);
    const waiting = ask(budget, 1);
    await turn();
    budget.close(new Error('over'));
    await turn();
    expect(waiting.error).toMatchObject({ message: 'over' });
    await expect(budget.acquire(1)).rejects.toThrow('over');
    held.release();
    expect(budget.used).toBe(0);
  });
});
