import { describe, expect, it } from 'vitest';
import { sha256Digest } from '../../src/identity/digest.ts';
import { codeOf } from '../support/code-of.ts';
import { blob, DAMAGE, destination, image, OUTAGE, packed, planOf, PROFILE, result } from '../support/ledger-items.ts';
import { LEASE_MS, LOST, type LedgerStand } from '../support/ledger-stand.ts';

const MINUTE = 60_000;

/** Who gets what, for how long, and what comes of it. */
export function ledgerClaimsSuite(at: LedgerStand): void {
  describe('a claim', () => {
    it('takes the first kind first, in each the lowest rank', async () => {
      await at.ledger.open(
        planOf(image('i2', 9, []), image('i1', 1, []), blob('b2', 8), blob('b1', 3), destination('d', 0, [])),
      );
      expect(await at.keys(3, ['image', 'blob'])).toEqual(['i1', 'i2', 'b1']);
      expect(await at.keys(3, ['blob', 'destination'])).toEqual(['b2', 'd']);
      expect(await at.keys(3, ['blob', 'image', 'destination'])).toEqual([]);
    });

    it('tells what the item is, which attempt it is and how its needs have ended', async () => {
      const item = image('i', 0, ['good', 'bad', 'good'], { data: { place: 3 } });
      await at.ledger.open(planOf(blob('good', 0), blob('bad', 1), item));
      const [good, bad] = await at.claim(2);
      expect(good).toEqual({ token: good!.token, item: blob('good', 0), attempt: 1, needs: [], known: null });
      await at.ledger.complete(good!.token, result('good'));
      await at.ledger.fail(bad!.token, DAMAGE);
      const { needs, item: claimed } = await at.claimOne(['image']);
      expect(claimed).toEqual(item);
      const ended = { key: 'good', result: result('good'), failure: null };
      expect(needs).toEqual([ended, { key: 'bad', result: null, failure: DAMAGE }, ended]);
    });

    it('waits until every need is done or has failed for good', async () => {
      await at.ledger.open(
        planOf(blob('a', 0), blob('b', 1), image('i', 0, ['a', 'b', 'a']), destination('d', 0, ['i'])),
      );
      const [a, b] = await at.claim(2);
      expect(await at.keys(9, ['image', 'destination'])).toEqual([]);
      await at.ledger.complete(a!.token, result('a'));
      await at.ledger.fail(b!.token, OUTAGE, 0);
      expect(await at.keys(9, ['image', 'destination'])).toEqual([]);
      await at.ledger.fail((await at.claimOne()).token, DAMAGE);
      const top = await at.claimOne(['destination', 'image']);
      expect(top.item.key).toBe('i');
      await at.ledger.fail(top.token, DAMAGE);
      expect((await at.claimOne(['destination'])).needs).toEqual([{ key: 'i', result: null, failure: DAMAGE }]);
    });

    it('of one worker is never given to another', async () => {
      await at.ledger.open(planOf(...Array.from({ length: 100 }, (_, rank) => blob(`b${rank}`, rank))));
      const both = await Promise.all(
        Array.from({ length: 40 }, (_, turn) => at.claim(3, ['blob'], turn % 2 === 0 ? 'w1' : 'w2')),
      );
      const claimed = both.flat().map(({ item }) => item.key);
      expect(new Set(claimed).size).toBe(100);
      expect(claimed).toHaveLength(100);
      expect(new Set(both.flat().map(({ token }) => token)).size).toBe(100);
    });

    it('ends with its lease, for whoever held it and even if nobody else wants it', async () => {
      await at.ledger.open(planOf(blob('a', 0)));
      const first = await at.claimOne(['blob'], 'w1');
      at.lab.time.nowMs += LEASE_MS - 1;
      expect(await at.claim(1, ['blob'], 'w2')).toEqual([]);
      at.lab.time.nowMs += 1;
      expect(await at.lost(first.token)).toEqual(LOST);
      expect(await at.states()).toEqual({ a: 'waiting' });
      const second = await at.claimOne(['blob'], 'w2');
      expect(second).toMatchObject({ attempt: 2, item: { key: 'a' } });
      expect(second.token).not.toBe(first.token);
      expect(await at.lost(first.token)).toEqual(LOST);
      expect(await at.ledger.complete(second.token, result('a'))).toEqual(result('a'));
      expect(await at.lost(first.token)).toEqual(LOST);
      expect(await at.types()).toEqual(['opened', 'claimed a', 'released a', 'claimed a', 'done a']);
    });

    it('is held longer by extending it', async () => {
      await at.ledger.open(planOf(blob('a', 0)));
      const { token } = await at.claimOne();
      at.lab.time.nowMs += LEASE_MS - 1;
      await at.ledger.extend(token, LEASE_MS);
      at.lab.time.nowMs += LEASE_MS - 1;
      expect(await at.claim(1)).toEqual([]);
      await at.ledger.complete(token, result('a'));
      expect(await at.states()).toEqual({ a: 'done' });
    });

    it('that is given back leaves the item as it was', async () => {
      await at.ledger.open(planOf(blob('a', 0)));
      const before = await at.rowOf('a');
      const first = await at.claimOne();
      await at.ledger.release(first.token);
      expect(await at.rowOf('a')).toEqual(before);
      expect(await at.lost(first.token)).toEqual(LOST);
      const second = await at.claimOne();
      expect(second.attempt).toBe(1);
      await at.ledger.fail(second.token, OUTAGE, 0);
      const failed = await at.rowOf('a');
      await at.ledger.release((await at.claimOne()).token);
      expect(await at.rowOf('a')).toEqual(failed);
    });

    it('is refused with a token that nobody was ever given', async () => {
      await at.ledger.open(planOf(blob('a', 0)));
      const { token } = await at.claimOne();
      for (const strange of ['', 'x', '1', token.slice(0, -1), `${token}0`, ` ${token}`, '-1', '1e999']) {
        expect(await at.lost(strange)).toEqual(LOST);
      }
      expect((await at.rowOf('a')).state).toBe('claimed');
    });
  });

  describe('an outcome', () => {
    it('brought again with the same token is answered again, with another it is refused', async () => {
      await at.ledger.open(planOf(blob('a', 0)));
      const { token } = await at.claimOne();
      expect(await at.ledger.complete(token, result('a'))).toEqual(result('a'));
      at.lab.time.nowMs += 10 * LEASE_MS;
      expect(await at.ledger.complete(token, result('something else', 99))).toEqual(result('a'));
      const [again, once] = await Promise.all([1, 2].map(() => at.ledger.complete(token, result('more'))));
      expect([again, once]).toEqual([result('a'), result('a')]);
      expect(await codeOf(at.ledger.fail(token, DAMAGE))).toBe('LEASE_LOST');
      expect(await at.types()).toEqual(['opened', 'claimed a', 'done a']);
      expect((await at.ledger.summary()).sent).toBe(10);
      await at.ledger.reopen(['a']);
      expect(await at.lost(token)).toEqual(LOST);
    });

    it('of a blob is the first one that came for its digest and profile', async () => {
      const elsewhere = blob('c', 2, { blob: { digest: sha256Digest('one'), profile: 'keep' } });
      await at.ledger.open(planOf(blob('a', 0, { of: 'one' }), blob('b', 1, { of: 'one' }), elsewhere));
      const [a, b, c] = await at.claim(3);
      expect(b!.known).toBeNull();
      await at.ledger.complete(b!.token, result('first'));
      const recorded = await at.ledger.complete(a!.token, result('second', 3));
      expect(recorded).toEqual({ ...result('second', 3), blob: packed('first') });
      expect((await at.rowOf('a')).result).toEqual(recorded);
      expect((await at.ledger.complete(c!.token, result('third'))).blob).toEqual(packed('third'));
      expect(await at.ledger.blobResult(sha256Digest('one'), PROFILE)).toEqual(packed('first'));
      expect(await at.ledger.blobResult(sha256Digest('two'), PROFILE)).toBeNull();
      const all = (await at.ledger.blobResults()).toSorted((x, y) => (x.profile < y.profile ? -1 : 1));
      expect(all).toEqual([
        { digest: sha256Digest('one'), profile: PROFILE, result: packed('first') },
        { digest: sha256Digest('one'), profile: 'keep', result: packed('third') },
      ]);
      await at.ledger.reopen(['a']);
      expect((await at.claimOne()).known).toEqual(packed('first'));
    });

    it('that may pass lets the item wait for its time', async () => {
      await at.ledger.open(planOf(blob('a', 0), blob('b', 1)));
      const first = await at.claimOne();
      const startedMs = at.lab.time.nowMs;
      at.lab.time.nowMs += 5;
      await at.ledger.fail(first.token, OUTAGE, MINUTE);
      expect(await at.rowOf('a')).toMatchObject({ state: 'waiting', attempts: 1, failure: OUTAGE, startedMs });
      expect(await at.keys(9, ['blob'])).toEqual(['b']);
      at.lab.time.nowMs += MINUTE - 1;
      expect(await at.keys(9, ['blob'])).toEqual([]);
      at.lab.time.nowMs += 1;
      const second = await at.claimOne();
      expect(second).toMatchObject({ attempt: 2, item: { key: 'a' } });
      await at.ledger.complete(second.token, result('a'));
      const endedMs = at.lab.time.nowMs;
      expect(await at.rowOf('a')).toMatchObject({ state: 'done', attempts: 2, failure: OUTAGE, startedMs, endedMs });
    });

    it('is taken back by reopening the item, and those that need it wait for it again', async () => {
      await at.ledger.open(planOf(blob('a', 0), blob('b', 1), image('i', 0, ['a', 'b']), destination('d', 0, ['i'])));
      for (const { token, item } of await at.claim(2)) await at.ledger.complete(token, result(item.key));
      const held = await at.claimOne(['image']);
      await at.ledger.reopen(['a', 'a', 'i', 'b', 'nobody']);
      expect(await at.states()).toEqual({ a: 'waiting', b: 'waiting', i: 'claimed', d: 'waiting' });
      expect(await at.rowOf('a')).toMatchObject({ attempts: 0, result: null, startedMs: null, endedMs: null });
      await at.ledger.release(held.token);
      expect(await at.keys(9, ['image', 'destination'])).toEqual([]);
      for (const { token, item } of await at.claim(2)) await at.ledger.complete(token, result(item.key));
      await at.ledger.complete((await at.claimOne(['image'])).token, result(null));
      const last = await at.claimOne(['destination']);
      await at.ledger.complete(last.token, result(null));
      await at.ledger.reopen(['i', 'd']);
      expect(await at.keys(9, ['destination'])).toEqual([]);
      expect(await at.keys(9, ['image'])).toEqual(['i']);
    });
  });
}
