import { describe, expect, it } from 'vitest';
import { Player, randomGame } from '../support/ledger-game.ts';
import { blob, destination, image, planOf, result } from '../support/ledger-items.ts';
import { LedgerModel } from '../support/ledger-model.ts';
import { type LedgerFactory, LedgerStand } from '../support/ledger-stand.ts';
import { ledgerAnswersSuite } from './ledger-answers.ts';
import { ledgerClaimsSuite } from './ledger-claims.ts';
import { ledgerPlanSuite } from './ledger-plan.ts';

/** The promises that every Ledger keeps. */
export function ledgerSuite(name: string, create: LedgerFactory): void {
  describe(name, () => {
    const at = new LedgerStand(create);
    ledgerPlanSuite(at);
    ledgerClaimsSuite(at);
    ledgerAnswersSuite(at);

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
      await at.ledger.open(plan);
      for (const kind of ['blob', 'image', 'destination'] as const) {
        for (let claims = await at.claim(500, [kind]); claims.length > 0; claims = await at.claim(500, [kind])) {
          const done = claims.map(({ token, item }) =>
            at.ledger.complete(token, result(kind === 'blob' ? item.key : null)),
          );
          void Promise.all(done);
        }
      }
      await at.reopened();
      await at.ledger.open(plan);
      const { counts, nextDueMs } = await at.ledger.summary();
      expect(counts.blob.done).toEqual({ items: 20_000, bytes: 20_000 });
      expect([counts.image.done.items, counts.destination.done.items, nextDueMs]).toEqual([10_000, 1, null]);
    });

    it.each(Array.from({ length: 12 }, (_, seed) => seed))('does what a plain model does (seed %i)', async (seed) => {
      const model = new LedgerModel(at.lab.time);
      const [real, plain] = [new Player(), new Player()];
      for (const move of randomGame(seed, 120)) {
        at.lab.time.nowMs += move.afterMs;
        if (move.type === 'close') await at.reopened();
        expect(await real.play(at.ledger, move)).toEqual(await plain.play(model, move));
      }
    });
  });
}
