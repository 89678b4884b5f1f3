import { describe, expect, it } from 'vitest';
import { sha256Digest } from '../../src/identity/digest.ts';
import { codeOf } from '../support/code-of.ts';
import { blob, DAMAGE, destination, image, OUTAGE, packed, planOf, PROFILE, result } from '../support/ledger-items.ts';
import { LOST, type LedgerStand } from '../support/ledger-stand.ts';

const MINUTE = 60_000;

/** How plans come and change. */
export function ledgerPlanSuite(at: LedgerStand): void {
  describe('the plan', () => {
    it('is null at first, and then what was opened, also in another sitting', async () => {
      expect(await at.ledger.plan()).toBeNull();
      expect(await at.ledger.items()).toEqual([]);
      const plan = planOf(image('i', 5, ['b', 'a']), blob('a', 2), destination('d', 0, ['i']), blob('b', 1));
      await at.ledger.open(plan);
      expect(await at.ledger.plan()).toEqual(plan);
      await at.reopened();
      expect(await at.ledger.plan()).toEqual(plan);
    });

    it('keeps any text and any JSON', async () => {
      const text = ' \u0000"\'\\\n\u{1f600}\u202e%_?';
      const plan = planOf(image(`key${text}`, 0, [], { data: { [text]: [1.5, true, null, text, { a: [] }] } }));
      await at.ledger.open({ ...plan, data: text });
      expect(await at.ledger.plan()).toEqual({ ...plan, data: text });
      await at.ledger.note(text, { [text]: text });
      expect(await at.ledger.notes()).toEqual(new Map([[text, { [text]: text }]]));
    });

    it('is refused with a need that it lacks or a key that it has twice, and nothing has changed', async () => {
      const plan = planOf(blob('a', 0));
      await at.ledger.open(plan);
      expect(await codeOf(at.ledger.open(planOf(blob('a', 1), image('i', 0, ['gone']))))).toBe('INTERNAL');
      expect(await codeOf(at.ledger.open(planOf(blob('a', 1), blob('a', 2))))).toBe('INTERNAL');
      expect(await at.ledger.plan()).toEqual(plan);
      expect(await at.types()).toEqual(['opened']);
    });

    it('opened again keeps what is done; failed items and those that somebody was at wait again', async () => {
      const plan = planOf(...['done', 'failed', 'held', 'later', 'fresh'].map((key, rank) => blob(key, rank)));
      await at.ledger.open(plan);
      const [done, failed, held, later] = await at.claim(4);
      await at.ledger.complete(done!.token, result('done'));
      await at.ledger.fail(failed!.token, DAMAGE);
      await at.ledger.fail(later!.token, OUTAGE, MINUTE);
      await at.reopened();
      const last = (await at.ledger.events(0)).at(-1)!.number;
      await at.ledger.open(plan);
      expect(await at.states()).toEqual({
        done: 'done',
        failed: 'waiting',
        held: 'waiting',
        later: 'waiting',
        fresh: 'waiting',
      });
      expect(await at.rowOf('done')).toMatchObject({ attempts: 1, result: result('done') });
      expect(await at.rowOf('failed')).toMatchObject({ attempts: 0, startedMs: null, endedMs: null, failure: DAMAGE });
      expect(await at.rowOf('held')).toMatchObject({ attempts: 0, startedMs: null });
      expect(await at.rowOf('later')).toMatchObject({ attempts: 1, failure: OUTAGE });
      expect(await at.types(last)).toEqual(['opened', 'released held', 'reopened failed']);
      expect(await at.lost(held!.token)).toEqual(LOST);
      expect(await at.keys(9, ['blob'])).toEqual(['failed', 'held', 'fresh']);
    });

    it('may change: what is the same work keeps its state, the rest begins anew or is dropped', async () => {
      const before = planOf(
        ...['same', 'moved', 'data', 'other', 'gone'].map((key, rank) => blob(key, rank)),
        image('needs', 0, ['same']),
        image('kept', 1, ['same']),
      );
      await at.ledger.open(before);
      for (const { token, item } of await at.claim(9)) await at.ledger.complete(token, result(item.key));
      for (const { token } of await at.claim(9, ['image'])) await at.ledger.complete(token, result(null));
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
      const last = (await at.ledger.events(0)).at(-1)!.number;
      await at.ledger.open(after);
      expect(await at.ledger.plan()).toEqual(after);
      expect(await at.states()).toEqual({
        new: 'waiting',
        moved: 'done',
        same: 'done',
        data: 'done',
        other: 'waiting',
        needs: 'waiting',
        kept: 'done',
      });
      expect((await at.rowOf('other')).result).toBeNull();
      expect((await at.types(last)).toSorted()).toEqual(
        ['opened', 'reopened other', 'dropped gone', 'reopened needs'].toSorted(),
      );
      // What was found out about a blob stays true.
      expect(await at.ledger.blobResult(sha256Digest('gone'), PROFILE)).toEqual(packed('gone'));
      expect(await at.keys(9, ['blob', 'image'])).toEqual(['new', 'other', 'needs']);
    });

    it('that changes what an image needs makes the image wait for it', async () => {
      await at.ledger.open(planOf(blob('a', 0), blob('b', 1), image('i', 0, ['a'])));
      await at.ledger.complete((await at.claimOne()).token, result('a'));
      await at.ledger.open(planOf(blob('a', 0), blob('b', 1), image('i', 0, ['b'])));
      expect(await at.keys(9, ['image'])).toEqual([]);
      await at.ledger.complete((await at.claimOne()).token, result('b'));
      expect(await at.keys(9, ['image'])).toEqual(['i']);
    });
  });
}
