import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Claim, ItemKind, Ledger, LedgerRow, Token } from '../../src/batch/ledger/ledger.ts';
import { sha256Digest } from '../../src/identity/digest.ts';
import { codeOf } from '../support/code-of.ts';
import {
  blob,
  DAMAGE,
  destination,
  image,
  OUTAGE,
  packed,
  planOf,
  PROFILE,
  result,
  without,
} from '../support/ledger-items.ts';
import { Player, randomGame } from '../support/ledger-game.ts';
import { LedgerModel } from '../support/ledger-model.ts';

/** A place for one ledger, and the time in it. */
export interface LedgerLab {
  /** Milliseconds since 1970, by the clock of the ledger; a test sets it. */
  time: { nowMs: number };
  /** Opens the one ledger of this lab, for writing; the one opened before has been closed. */
  open(): Promise<Ledger>;
  /** Another view of it, for reading, while it is open. */
  look(): Promise<Ledger>;
  remove(): Promise<void>;
}

export type LedgerFactory = () => Promise<LedgerLab>;

const LEASE_MS = 60_000;
const MINUTE = 60_000;

/** The promises that every Ledger keeps. */
export function ledgerSuite(name: string, create: LedgerFactory): void {
  describe(name, () => {
    let lab: LedgerLab;
    let ledger: Ledger;
    beforeEach(async () => {
      lab = await create();
      ledger = await lab.open();
    });
    afterEach(async () => {
      await ledger.close();
      await lab.remove();
    });

    const claim = (count: number, kinds: readonly ItemKind[] = ['blob'], worker = 'w1'): Promise<Claim[]> =>
      ledger.claim(worker, kinds, count, LEASE_MS);
    const claimOne = async (kinds: readonly ItemKind[] = ['blob'], worker = 'w1'): Promise<Claim> =>
      (await claim(1, kinds, worker))[0]!;
    const keys = async (count: number, kinds: readonly ItemKind[]): Promise<string[]> =>
      (await claim(count, kinds)).map(({ item }) => item.key);
    const rowOf = async (key: string): Promise<LedgerRow> =>
      (await ledger.items()).find(({ item }) => item.key === key)!;
    const states = async (): Promise<Record<string, string>> =>
      Object.fromEntries((await ledger.items()).map(({ item, state }) => [item.key, state]));
    const types = async (since = 0): Promise<string[]> =>
      (await ledger.events(since)).map(({ type, key }) => (key === null ? type : `${type} ${key}`));
    const reopened = async (): Promise<void> => {
      await ledger.close();
      ledger = await lab.open();
    };
    const lost = async (token: Token): Promise<unknown[]> => [
      await codeOf(ledger.complete(token, result('x'))),
      await codeOf(ledger.fail(token, OUTAGE)),
      await codeOf(ledger.extend(token, LEASE_MS)),
      await codeOf(ledger.release(token)),
    ];
    const LOST = Array.from({ length: 4 }, () => 'LEASE_LOST');

    describe('the plan', () => {
      it('is null at first, and then what was opened, also in another sitting', async () => {
        expect(await ledger.plan()).toBeNull();
        expect(await ledger.items()).toEqual([]);
        const plan = planOf(image('i', 5, ['b', 'a']), blob('a', 2), destination('d', 0, ['i']), blob('b', 1));
        await ledger.open(plan);
        expect(await ledger.plan()).toEqual(plan);
        await reopened();
        expect(await ledger.plan()).toEqual(plan);
      });

      it('keeps any text and any JSON', async () => {
        const text = ' \u0000"\'\\\n\u{1f600}\u202e%_?';
        const plan = planOf(image(`key${text}`, 0, [], { data: { [text]: [1.5, true, null, text, { a: [] }] } }));
        await ledger.open({ ...plan, data: text });
        expect(await ledger.plan()).toEqual({ ...plan, data: text });
        await ledger.note(text, { [text]: text });
        expect(await ledger.notes()).toEqual(new Map([[text, { [text]: text }]]));
      });

      it('is refused with a need that it lacks or a key that it has twice, and nothing has changed', async () => {
        const plan = planOf(blob('a', 0));
        await ledger.open(plan);
        expect(await codeOf(ledger.open(planOf(blob('a', 1), image('i', 0, ['gone']))))).toBe('INTERNAL');
        expect(await codeOf(ledger.open(planOf(blob('a', 1), blob('a', 2))))).toBe('INTERNAL');
        expect(await ledger.plan()).toEqual(plan);
        expect(await types()).toEqual(['opened']);
      });

      it('opened again keeps what is done; failed items and those that somebody was at wait again', async () => {
        const plan = planOf(...['done', 'failed', 'held', 'later', 'fresh'].map((key, rank) => blob(key, rank)));
        await ledger.open(plan);
        const [done, failed, held, later] = await claim(4);
        await ledger.complete(done!.token, result('done'));
        await ledger.fail(failed!.token, DAMAGE);
        await ledger.fail(later!.token, OUTAGE, MINUTE);
        await reopened();
        const last = (await ledger.events(0)).at(-1)!.number;
        await ledger.open(plan);
        expect(await states()).toEqual({
          done: 'done',
          failed: 'waiting',
          held: 'waiting',
          later: 'waiting',
          fresh: 'waiting',
        });
        expect(await rowOf('done')).toMatchObject({ attempts: 1, result: result('done') });
        expect(await rowOf('failed')).toMatchObject({ attempts: 0, startedMs: null, endedMs: null, failure: DAMAGE });
        expect(await rowOf('held')).toMatchObject({ attempts: 0, startedMs: null });
        expect(await rowOf('later')).toMatchObject({ attempts: 1, failure: OUTAGE });
        expect(await types(last)).toEqual(['opened', 'released held', 'reopened failed']);
        expect(await lost(held!.token)).toEqual(LOST);
        expect(await keys(9, ['blob'])).toEqual(['failed', 'held', 'fresh']);
      });

      it('may change: what is the same work keeps its state, the rest begins anew or is dropped', async () => {
        const before = planOf(
          ...['same', 'moved', 'data', 'other', 'gone'].map((key, rank) => blob(key, rank)),
          image('needs', 0, ['same']),
          image('kept', 1, ['same']),
        );
        await ledger.open(before);
        for (const { token, item } of await claim(9)) await ledger.complete(token, result(item.key));
        for (const { token } of await claim(9, ['image'])) await ledger.complete(token, result(null));
        const after = {
          ...planOf(
            blob('new', 0),
            blob('moved', 1, { bytes: 7 }),
            blob('same', 2),
            blob('data', 3, { data: { size: 101 } }),
            blob('other', 4, { of: 'another digest' }),
            image('needs', 7, ['same', 'moved']),
            image('kept', 6, ['same']),
          ),
          id: sha256Digest('an edited batch'),
        };
        const last = (await ledger.events(0)).at(-1)!.number;
        await ledger.open(after);
        expect(await ledger.plan()).toEqual(after);
        expect(await states()).toEqual({
          new: 'waiting',
          moved: 'done',
          same: 'done',
          data: 'waiting',
          other: 'waiting',
          needs: 'waiting',
          kept: 'done',
        });
        expect((await rowOf('data')).result).toBeNull();
        expect((await types(last)).toSorted()).toEqual(
          ['opened', 'reopened data', 'reopened other', 'dropped gone', 'reopened needs'].toSorted(),
        );
        // What was found out about a blob stays true.
        expect(await ledger.blobResult(sha256Digest('gone'), PROFILE)).toEqual(packed('gone'));
        expect(await keys(9, ['blob', 'image'])).toEqual(['new', 'data', 'other', 'needs']);
      });

      it('that changes what an image needs makes the image wait for it', async () => {
        await ledger.open(planOf(blob('a', 0), blob('b', 1), image('i', 0, ['a'])));
        await ledger.complete((await claimOne()).token, result('a'));
        await ledger.open(planOf(blob('a', 0), blob('b', 1), image('i', 0, ['b'])));
        expect(await keys(9, ['image'])).toEqual([]);
        await ledger.complete((await claimOne()).token, result('b'));
        expect(await keys(9, ['image'])).toEqual(['i']);
      });
    });

    describe('a claim', () => {
      it('takes the first kind first, in each the lowest rank', async () => {
        await ledger.open(
          planOf(image('i2', 9, []), image('i1', 1, []), blob('b2', 8), blob('b1', 3), destination('d', 0, [])),
        );
        expect(await keys(3, ['image', 'blob'])).toEqual(['i1', 'i2', 'b1']);
        expect(await keys(3, ['blob', 'destination'])).toEqual(['b2', 'd']);
        expect(await keys(3, ['blob', 'image', 'destination'])).toEqual([]);
      });

      it('tells what the item is, which attempt it is and how its needs have ended', async () => {
        const item = image('i', 0, ['good', 'bad', 'good'], { data: { place: 3 } });
        await ledger.open(planOf(blob('good', 0), blob('bad', 1), item));
        const [good, bad] = await claim(2);
        expect(good).toEqual({ token: good!.token, item: blob('good', 0), attempt: 1, needs: [], known: null });
        await ledger.complete(good!.token, result('good'));
        await ledger.fail(bad!.token, DAMAGE);
        const { needs, item: claimed } = await claimOne(['image']);
        expect(claimed).toEqual(item);
        const ended = { key: 'good', result: result('good'), failure: null };
        expect(needs).toEqual([ended, { key: 'bad', result: null, failure: DAMAGE }, ended]);
      });

      it('waits until every need is done or has failed for good', async () => {
        await ledger.open(
          planOf(blob('a', 0), blob('b', 1), image('i', 0, ['a', 'b', 'a']), destination('d', 0, ['i'])),
        );
        const [a, b] = await claim(2);
        expect(await keys(9, ['image', 'destination'])).toEqual([]);
        await ledger.complete(a!.token, result('a'));
        await ledger.fail(b!.token, OUTAGE, 0);
        expect(await keys(9, ['image', 'destination'])).toEqual([]);
        await ledger.fail((await claimOne()).token, DAMAGE);
        const top = await claimOne(['destination', 'image']);
        expect(top.item.key).toBe('i');
        await ledger.fail(top.token, DAMAGE);
        expect((await claimOne(['destination'])).needs).toEqual([{ key: 'i', result: null, failure: DAMAGE }]);
      });

      it('of one worker is never given to another', async () => {
        await ledger.open(planOf(...Array.from({ length: 100 }, (_, rank) => blob(`b${rank}`, rank))));
        const both = await Promise.all(
          Array.from({ length: 40 }, (_, turn) => claim(3, ['blob'], turn % 2 === 0 ? 'w1' : 'w2')),
        );
        const claimed = both.flat().map(({ item }) => item.key);
        expect(new Set(claimed).size).toBe(100);
        expect(claimed).toHaveLength(100);
        expect(new Set(both.flat().map(({ token }) => token)).size).toBe(100);
      });

      it('ends with its lease, for whoever held it and even if nobody else wants it', async () => {
        await ledger.open(planOf(blob('a', 0)));
        const first = await claimOne(['blob'], 'w1');
        lab.time.nowMs += LEASE_MS - 1;
        expect(await claim(1, ['blob'], 'w2')).toEqual([]);
        lab.time.nowMs += 1;
        expect(await lost(first.token)).toEqual(LOST);
        expect(await states()).toEqual({ a: 'waiting' });
        const second = await claimOne(['blob'], 'w2');
        expect(second).toMatchObject({ attempt: 2, item: { key: 'a' } });
        expect(second.token).not.toBe(first.token);
        expect(await lost(first.token)).toEqual(LOST);
        expect(await ledger.complete(second.token, result('a'))).toEqual(result('a'));
        expect(await lost(first.token)).toEqual(LOST);
        expect(await types()).toEqual(['opened', 'claimed a', 'released a', 'claimed a', 'done a']);
      });

      it('is held longer by extending it', async () => {
        await ledger.open(planOf(blob('a', 0)));
        const { token } = await claimOne();
        lab.time.nowMs += LEASE_MS - 1;
        await ledger.extend(token, LEASE_MS);
        lab.time.nowMs += LEASE_MS - 1;
        expect(await claim(1)).toEqual([]);
        await ledger.complete(token, result('a'));
        expect(await states()).toEqual({ a: 'done' });
      });

      it('that is given back leaves the item as it was', async () => {
        await ledger.open(planOf(blob('a', 0)));
        const before = await rowOf('a');
        const first = await claimOne();
        await ledger.release(first.token);
        expect(await rowOf('a')).toEqual(before);
        expect(await lost(first.token)).toEqual(LOST);
        const second = await claimOne();
        expect(second.attempt).toBe(1);
        await ledger.fail(second.token, OUTAGE, 0);
        const failed = await rowOf('a');
        await ledger.release((await claimOne()).token);
        expect(await rowOf('a')).toEqual(failed);
      });

      it('is refused with a token that nobody was ever given', async () => {
        await ledger.open(planOf(blob('a', 0)));
        const { token } = await claimOne();
        for (const strange of ['', 'x', '1', token.slice(0, -1), `${token}0`, ` ${token}`, '-1', '1e999']) {
          expect(await lost(strange)).toEqual(LOST);
        }
        expect((await rowOf('a')).state).toBe('claimed');
      });
    });

    describe('an outcome', () => {
      it('brought again with the same token is answered again, with another it is refused', async () => {
        await ledger.open(planOf(blob('a', 0)));
        const { token } = await claimOne();
        expect(await ledger.complete(token, result('a'))).toEqual(result('a'));
        lab.time.nowMs += 10 * LEASE_MS;
        expect(await ledger.complete(token, result('something else', 99))).toEqual(result('a'));
        const [again, once] = await Promise.all([1, 2].map(() => ledger.complete(token, result('more'))));
        expect([again, once]).toEqual([result('a'), result('a')]);
        expect(await codeOf(ledger.fail(token, DAMAGE))).toBe('LEASE_LOST');
        expect(await types()).toEqual(['opened', 'claimed a', 'done a']);
        expect((await ledger.summary()).sent).toBe(10);
        await ledger.reopen(['a']);
        expect(await lost(token)).toEqual(LOST);
      });

      it('of a blob is the first one that came for its digest and profile', async () => {
        const elsewhere = blob('c', 2, { blob: { digest: sha256Digest('one'), profile: 'keep' } });
        await ledger.open(planOf(blob('a', 0, { of: 'one' }), blob('b', 1, { of: 'one' }), elsewhere));
        const [a, b, c] = await claim(3);
        expect(b!.known).toBeNull();
        await ledger.complete(b!.token, result('first'));
        const recorded = await ledger.complete(a!.token, result('second', 3));
        expect(recorded).toEqual({ ...result('second', 3), blob: packed('first') });
        expect((await rowOf('a')).result).toEqual(recorded);
        expect((await ledger.complete(c!.token, result('third'))).blob).toEqual(packed('third'));
        expect(await ledger.blobResult(sha256Digest('one'), PROFILE)).toEqual(packed('first'));
        expect(await ledger.blobResult(sha256Digest('two'), PROFILE)).toBeNull();
        const all = (await ledger.blobResults()).toSorted((x, y) => (x.profile < y.profile ? -1 : 1));
        expect(all).toEqual([
          { digest: sha256Digest('one'), profile: PROFILE, result: packed('first') },
          { digest: sha256Digest('one'), profile: 'keep', result: packed('third') },
        ]);
        await ledger.reopen(['a']);
        expect((await claimOne()).known).toEqual(packed('first'));
      });

      it('that may pass lets the item wait for its time', async () => {
        await ledger.open(planOf(blob('a', 0), blob('b', 1)));
        const first = await claimOne();
        const startedMs = lab.time.nowMs;
        lab.time.nowMs += 5;
        await ledger.fail(first.token, OUTAGE, MINUTE);
        expect(await rowOf('a')).toMatchObject({ state: 'waiting', attempts: 1, failure: OUTAGE, startedMs });
        expect(await keys(9, ['blob'])).toEqual(['b']);
        lab.time.nowMs += MINUTE - 1;
        expect(await keys(9, ['blob'])).toEqual([]);
        lab.time.nowMs += 1;
        const second = await claimOne();
        expect(second).toMatchObject({ attempt: 2, item: { key: 'a' } });
        await ledger.complete(second.token, result('a'));
        const endedMs = lab.time.nowMs;
        expect(await rowOf('a')).toMatchObject({ state: 'done', attempts: 2, failure: OUTAGE, startedMs, endedMs });
      });

      it('is taken back by reopening the item, and those that need it wait for it again', async () => {
        await ledger.open(planOf(blob('a', 0), blob('b', 1), image('i', 0, ['a', 'b']), destination('d', 0, ['i'])));
        for (const { token, item } of await claim(2)) await ledger.complete(token, result(item.key));
        const held = await claimOne(['image']);
        await ledger.reopen(['a', 'a', 'i', 'b', 'nobody']);
        expect(await states()).toEqual({ a: 'waiting', b: 'waiting', i: 'claimed', d: 'waiting' });
        expect(await rowOf('a')).toMatchObject({ attempts: 0, result: null, startedMs: null, endedMs: null });
        await ledger.release(held.token);
        expect(await keys(9, ['image', 'destination'])).toEqual([]);
        for (const { token, item } of await claim(2)) await ledger.complete(token, result(item.key));
        await ledger.complete((await claimOne(['image'])).token, result(null));
        const last = await claimOne(['destination']);
        await ledger.complete(last.token, result(null));
        await ledger.reopen(['i', 'd']);
        expect(await keys(9, ['destination'])).toEqual([]);
        expect(await keys(9, ['image'])).toEqual(['i']);
      });
    });

    describe('what it tells', () => {
      it('is every item by rank, or those of one kind', async () => {
        await ledger.open(planOf(image('i', 1, ['b']), blob('b', 2), blob('a', 0)));
        expect((await ledger.items()).map(({ item }) => item.key)).toEqual(['a', 'i', 'b']);
        expect((await ledger.items('blob')).map(({ item }) => item)).toEqual([blob('a', 0), blob('b', 2)]);
        expect((await ledger.items('image')).map(({ item }) => item)).toEqual([image('i', 1, ['b'])]);
        expect(await ledger.items('destination')).toEqual([]);
      });

      it('is what happened, in order, from any event on', async () => {
        await ledger.open(planOf(blob('a', 0), blob('b', 1)));
        const [a, b] = await claim(2);
        lab.time.nowMs += 7;
        await ledger.complete(a!.token, result('a', 33));
        await ledger.fail(b!.token, OUTAGE, 5);
        const events = await ledger.events(0);
        const facts = { key: null, kind: null, worker: null, attempt: 0, bytes: 0, failure: null };
        const of = { ...facts, kind: 'blob', worker: 'w1', attempt: 1 };
        const before = lab.time.nowMs - 7;
        expect(events.map((event) => without(event, 'number'))).toEqual([
          { ...facts, atMs: before, type: 'opened' },
          { ...of, atMs: before, type: 'claimed', key: 'a' },
          { ...of, atMs: before, type: 'claimed', key: 'b' },
          { ...of, atMs: lab.time.nowMs, type: 'done', key: 'a', bytes: 33 },
          { ...of, atMs: lab.time.nowMs, type: 'retry', key: 'b', failure: OUTAGE },
        ]);
        const numbers = events.map(({ number }) => number);
        expect(numbers).toEqual([...new Set(numbers)].toSorted((x, y) => x - y));
        expect(await ledger.events(numbers[2]!)).toEqual(events.slice(3));
        expect(await ledger.events(numbers[0]!, 2)).toEqual(events.slice(1, 3));
        expect(await ledger.events(numbers.at(-1)!)).toEqual([]);
        await reopened();
        expect(await ledger.events(0)).toEqual(events);
        await ledger.open(planOf(blob('a', 0), blob('b', 1)));
        expect((await ledger.events(numbers.at(-1)!)).map(({ type }) => type)).toEqual(['opened']);
      });

      it('is how many items and bytes are in which state, and what was sent', async () => {
        await ledger.open(
          planOf(...[5, 6, 7, 8].map((bytes, rank) => blob(`b${rank}`, rank, { bytes })), image('i', 0, [])),
        );
        const [a, b] = await claim(3);
        await ledger.complete(a!.token, result('a', 40));
        await ledger.fail(b!.token, DAMAGE);
        const none = { items: 0, bytes: 0 };
        const one = (bytes: number): object => ({ items: 1, bytes });
        expect(await ledger.summary()).toEqual({
          nowMs: lab.time.nowMs,
          counts: {
            blob: { waiting: one(8), claimed: one(7), done: one(5), failed: one(6) },
            image: { waiting: one(0), claimed: none, done: none, failed: none },
            destination: { waiting: none, claimed: none, done: none, failed: none },
          },
          sent: 40,
          nextDueMs: lab.time.nowMs,
        });
      });

      it('is when the next item may be claimed', async () => {
        const due = async (): Promise<number | null> => (await ledger.summary()).nextDueMs;
        expect(await due()).toBeNull();
        await ledger.open(planOf(blob('a', 0), blob('b', 1), image('i', 0, ['a', 'b'])));
        expect(await due()).toBe(lab.time.nowMs);
        const [a, b] = await claim(2);
        expect(await due()).toBeNull();
        const start = lab.time.nowMs;
        await ledger.fail(a!.token, OUTAGE, 3 * MINUTE);
        await ledger.fail(b!.token, OUTAGE, MINUTE / 2);
        expect(await due()).toBe(start + MINUTE / 2);
        lab.time.nowMs += MINUTE;
        expect(await due()).toBe(lab.time.nowMs);
        await ledger.complete((await claimOne()).token, result('b'));
        expect(await due()).toBe(start + 3 * MINUTE);
        lab.time.nowMs += 3 * MINUTE;
        await ledger.fail((await claimOne()).token, DAMAGE);
        const top = await claimOne(['image']);
        expect(await due()).toBeNull();
        lab.time.nowMs += LEASE_MS;
        expect(await due()).toBe(lab.time.nowMs);
        expect(await lost(top.token)).toEqual(LOST);
      });

      it('is the last value of each note', async () => {
        expect(await ledger.notes()).toEqual(new Map());
        await Promise.all([ledger.note('a', 1), ledger.note('b', [null]), ledger.note('a', { c: 'd' })]);
        await reopened();
        expect(await ledger.notes()).toEqual(
          new Map<string, unknown>([
            ['a', { c: 'd' }],
            ['b', [null]],
          ]),
        );
      });

      it('has what was written before it was asked, and others see what is durable', async () => {
        await ledger.open(planOf(blob('a', 0), blob('b', 1)));
        const [a, b] = await claim(2);
        const completing = ledger.complete(a!.token, result('a'));
        expect((await rowOf('a')).state).toBe('done');
        await completing;
        await ledger.complete(b!.token, result('b'));
        await using reader = await lab.look();
        expect((await reader.items()).map(({ state }) => state)).toEqual(['done', 'done']);
        expect(await codeOf(reader.note('a', 1))).toBe('INTERNAL');
      });

      it('has all that was not awaited when it was closed', async () => {
        await ledger.open(planOf(...Array.from({ length: 50 }, (_, rank) => blob(`b${rank}`, rank))));
        const completing = (await claim(50)).map(({ token, item }) => ledger.complete(token, result(item.key)));
        await reopened();
        expect(await Promise.all(completing)).toHaveLength(50);
        expect((await ledger.summary()).counts.blob.done.items).toBe(50);
        await ledger.close();
        await ledger.close();
      });
    });

    it('does 10,000 images of 20,000 layers', async () => {
      const layers = Array.from({ length: 20_000 }, (_, rank) => blob(`b${rank}`, rank, { bytes: 1 }));
      const needsOf = (at: number): string[] => [
        'b0',
        'b1',
        'b2',
        ...[1, 2, 3, 4].map((n) => `b${(at * 2 + n) % 20_000}`),
      ];
      const images = Array.from({ length: 10_000 }, (_, rank) => image(`i${rank}`, rank, needsOf(rank)));
      const top = destination(
        'd',
        0,
        images.map(({ key }) => key),
      );
      const plan = planOf(...layers, ...images, top);
      await ledger.open(plan);
      for (const kind of ['blob', 'image', 'destination'] as const) {
        for (let claims = await claim(500, [kind]); claims.length > 0; claims = await claim(500, [kind])) {
          const done = claims.map(({ token, item }) =>
            ledger.complete(token, result(kind === 'blob' ? item.key : null)),
          );
          void Promise.all(done);
        }
      }
      await reopened();
      await ledger.open(plan);
      const { counts, nextDueMs } = await ledger.summary();
      expect(counts.blob.done).toEqual({ items: 20_000, bytes: 20_000 });
      expect([counts.image.done.items, counts.destination.done.items, nextDueMs]).toEqual([10_000, 1, null]);
    });

    it.each(Array.from({ length: 20 }, (_, seed) => seed))('does what a plain model does (seed %i)', async (seed) => {
      const model = new LedgerModel(lab.time);
      const [real, plain] = [new Player(), new Player()];
      for (const move of randomGame(seed, 120)) {
        lab.time.nowMs += move.afterMs;
        if (move.type === 'close') await reopened();
        expect(await real.play(ledger, move)).toEqual(await plain.play(model, move));
      }
    });
  });
}
