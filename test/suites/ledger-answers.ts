import { describe, expect, it } from 'vitest';
import { codeOf } from '../support/code-of.ts';
import { blob, DAMAGE, image, OUTAGE, planOf, result, without } from '../support/ledger-items.ts';
import { LEASE_MS, LOST, type LedgerStand } from '../support/ledger-stand.ts';

const MINUTE = 60_000;

/** What a ledger tells. */
export function ledgerAnswersSuite(at: LedgerStand): void {
  describe('what it tells', () => {
    it('is every item by rank, or those of one kind', async () => {
      await at.ledger.open(planOf(image('i', 1, ['b']), blob('b', 2), blob('a', 0)));
      expect((await at.ledger.items()).map(({ item }) => item.key)).toEqual(['a', 'i', 'b']);
      expect((await at.ledger.items('blob')).map(({ item }) => item)).toEqual([blob('a', 0), blob('b', 2)]);
      expect((await at.ledger.items('image')).map(({ item }) => item)).toEqual([image('i', 1, ['b'])]);
      expect(await at.ledger.items('destination')).toEqual([]);
    });

    it('is what happened, in order, from any event on', async () => {
      await at.ledger.open(planOf(blob('a', 0), blob('b', 1)));
      const [a, b] = await at.claim(2);
      at.lab.time.nowMs += 7;
      await at.ledger.complete(a!.token, result('a', 33));
      await at.ledger.fail(b!.token, OUTAGE, 5);
      const events = await at.ledger.events(0);
      const facts = { key: null, kind: null, worker: null, attempt: 0, bytes: 0, failure: null };
      const of = { ...facts, kind: 'blob', worker: 'w1', attempt: 1 };
      const before = at.lab.time.nowMs - 7;
      expect(events.map((event) => without(event, 'number'))).toEqual([
        { ...facts, atMs: before, type: 'opened' },
        { ...of, atMs: before, type: 'claimed', key: 'a' },
        { ...of, atMs: before, type: 'claimed', key: 'b' },
        { ...of, atMs: at.lab.time.nowMs, type: 'done', key: 'a', bytes: 33 },
        { ...of, atMs: at.lab.time.nowMs, type: 'retry', key: 'b', failure: OUTAGE },
      ]);
      const numbers = events.map(({ number }) => number);
      expect(numbers).toEqual([...new Set(numbers)].toSorted((x, y) => x - y));
      expect(await at.ledger.events(numbers[2]!)).toEqual(events.slice(3));
      expect(await at.ledger.events(numbers[0]!, 2)).toEqual(events.slice(1, 3));
      expect(await at.ledger.events(numbers.at(-1)!)).toEqual([]);
      await at.reopened();
      expect(await at.ledger.events(0)).toEqual(events);
      await at.ledger.open(planOf(blob('a', 0), blob('b', 1)));
      expect((await at.ledger.events(numbers.at(-1)!)).map(({ type }) => type)).toEqual(['opened']);
    });

    it('is how many items and bytes are in which state, and what was sent', async () => {
      await at.ledger.open(
        planOf(...[5, 6, 7, 8].map((bytes, rank) => blob(`b${rank}`, rank, { bytes })), image('i', 0, [])),
      );
      const [a, b] = await at.claim(3);
      await at.ledger.complete(a!.token, result('a', 40));
      await at.ledger.fail(b!.token, DAMAGE);
      const none = { items: 0, bytes: 0 };
      const one = (bytes: number): object => ({ items: 1, bytes });
      expect(await at.ledger.summary()).toEqual({
        nowMs: at.lab.time.nowMs,
        counts: {
          blob: { waiting: one(8), claimed: one(7), done: one(5), failed: one(6) },
          image: { waiting: one(0), claimed: none, done: none, failed: none },
          destination: { waiting: none, claimed: none, done: none, failed: none },
        },
        sent: 40,
        nextDueMs: at.lab.time.nowMs,
      });
    });

    it('is when the next item may be claimed', async () => {
      const due = async (): Promise<number | null> => (await at.ledger.summary()).nextDueMs;
      expect(await due()).toBeNull();
      await at.ledger.open(planOf(blob('a', 0), blob('b', 1), image('i', 0, ['a', 'b'])));
      expect(await due()).toBe(at.lab.time.nowMs);
      const [a, b] = await at.claim(2);
      expect(await due()).toBeNull();
      const start = at.lab.time.nowMs;
      await at.ledger.fail(a!.token, OUTAGE, 3 * MINUTE);
      await at.ledger.fail(b!.token, OUTAGE, MINUTE / 2);
      expect(await due()).toBe(start + MINUTE / 2);
      at.lab.time.nowMs += MINUTE;
      expect(await due()).toBe(at.lab.time.nowMs);
      await at.ledger.complete((await at.claimOne()).token, result('b'));
      expect(await due()).toBe(start + 3 * MINUTE);
      at.lab.time.nowMs += 3 * MINUTE;
      await at.ledger.fail((await at.claimOne()).token, DAMAGE);
      const top = await at.claimOne(['image']);
      expect(await due()).toBeNull();
      at.lab.time.nowMs += LEASE_MS;
      expect(await due()).toBe(at.lab.time.nowMs);
      expect(await at.lost(top.token)).toEqual(LOST);
    });

    it('is the last value of each note', async () => {
      expect(await at.ledger.notes()).toEqual(new Map());
      await Promise.all([at.ledger.note('a', 1), at.ledger.note('b', [null]), at.ledger.note('a', { c: 'd' })]);
      await at.reopened();
      expect(await at.ledger.notes()).toEqual(
        new Map<string, unknown>([
          ['a', { c: 'd' }],
          ['b', [null]],
        ]),
      );
    });

    it('has what was written before it was asked, and others see what is durable', async () => {
      await at.ledger.open(planOf(blob('a', 0), blob('b', 1)));
      const [a, b] = await at.claim(2);
      const completing = at.ledger.complete(a!.token, result('a'));
      expect((await at.rowOf('a')).state).toBe('done');
      await completing;
      await at.ledger.complete(b!.token, result('b'));
      await using reader = await at.lab.look();
      expect((await reader.items()).map(({ state }) => state)).toEqual(['done', 'done']);
      expect(await codeOf(reader.note('a', 1))).toBe('INTERNAL');
    });

    it('has all that was not awaited when it was closed', async () => {
      await at.ledger.open(planOf(...Array.from({ length: 50 }, (_, rank) => blob(`b${rank}`, rank))));
      const completing = (await at.claim(50)).map(({ token, item }) => at.ledger.complete(token, result(item.key)));
      await at.reopened();
      expect(await Promise.all(completing)).toHaveLength(50);
      expect((await at.ledger.summary()).counts.blob.done.items).toBe(50);
      await at.ledger.close();
      await at.ledger.close();
    });
  });
}
