import type { Failure, ItemKind, ItemResult, LedgerItem, LedgerPlan, Token } from '../../src/batch/ledger/ledger.ts';
import { blob, DAMAGE, destination, image, OUTAGE, planOf, result, without } from './ledger-items.ts';
import type { Playable } from './ledger-model.ts';
import { type Random, seeded } from './random.ts';

/** One thing done to a ledger; claims are counted, and `claim` is the number of one, which may be long over. */
export type Move = { afterMs: number } & (
  | { type: 'close' }
  | { type: 'open'; plan: LedgerPlan }
  | { type: 'claim'; worker: string; kinds: ItemKind[]; count: number; leaseMs: number }
  | { type: 'extend'; claim: number; leaseMs: number }
  | { type: 'complete'; claim: number; result: ItemResult }
  | { type: 'fail'; claim: number; failure: Failure; retryAfterMs: number | undefined }
  | { type: 'release'; claim: number }
  | { type: 'reopen'; keys: string[] }
);

/** Plays moves on one ledger, and tells after each what can be seen of it. */
export class Player {
  readonly #tokens: Token[] = [];
  #lastEvent = 0;

  async play(ledger: Playable, move: Move): Promise<object> {
    const answer = await this.#make(ledger, move).catch((error: { code?: string }) => error.code ?? error);
    const events = await ledger.events(this.#lastEvent);
    this.#lastEvent = events.at(-1)?.number ?? this.#lastEvent;
    return {
      answer,
      rows: await ledger.items(),
      summary: await ledger.summary(),
      blobs: (await ledger.blobResults()).map((known) => JSON.stringify(known)).toSorted(),
      // Which of those of one moment comes first is nobody's concern.
      events: events.map((event) => canonical(without(event, 'number'))).toSorted(),
    };
  }

  async #make(ledger: Playable, move: Move): Promise<unknown> {
    switch (move.type) {
      case 'close':
        return null;
      case 'open':
        return ledger.open(move.plan);
      case 'claim':
        return this.#claim(ledger, move);
      case 'extend':
        return ledger.extend(this.#token(move), move.leaseMs);
      case 'complete':
        return ledger.complete(this.#token(move), move.result);
      case 'fail':
        return ledger.fail(this.#token(move), move.failure, move.retryAfterMs);
      case 'release':
        return ledger.release(this.#token(move));
      case 'reopen':
        return ledger.reopen(move.keys);
    }
  }

  async #claim(ledger: Playable, move: Move & { type: 'claim' }): Promise<unknown> {
    const claims = await ledger.claim(move.worker, move.kinds, move.count, move.leaseMs);
    this.#tokens.push(...claims.map(({ token }) => token));
    return claims.map((claim) => without(claim, 'token'));
  }

  #token({ claim }: { claim: number }): Token {
    return this.#tokens.at(-1 - claim) ?? 'none';
  }
}

/** Members of an event may come in any order. */
function canonical(event: object): string {
  return JSON.stringify(Object.entries(event).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

const KINDS: readonly ItemKind[] = ['blob', 'image', 'destination'];

/** A game that begins with a plan; the same seed is the same game. */
export function randomGame(seed: number, moves: number): Move[] {
  const random = seeded(seed);
  const first: Move = { type: 'open', plan: randomPlan(random), afterMs: 1 };
  return [first, ...Array.from({ length: moves }, () => randomMove(random))];
}

function randomMove(random: Random): Move {
  const afterMs = 1 + random.below(30);
  const claim = random.below(6);
  const leaseMs = 20 + random.below(200);
  const roll = random.below(100);
  if (roll < 35) {
    const kinds = KINDS.filter(() => random.chance(0.7));
    return { type: 'claim', worker: random.pick(['w1', 'w2']), kinds, count: random.below(4), leaseMs, afterMs };
  }
  if (roll < 65) return { type: 'complete', claim, result: result(`${random.below(9)}`, random.below(50)), afterMs };
  if (roll < 78) {
    const retryAfterMs = random.chance(0.5) ? random.below(80) : undefined;
    return { type: 'fail', claim, failure: random.pick([OUTAGE, DAMAGE]), retryAfterMs, afterMs };
  }
  if (roll < 83) return { type: 'extend', claim, leaseMs, afterMs };
  if (roll < 88) return { type: 'release', claim, afterMs };
  if (roll < 93) return { type: 'reopen', keys: [random.pick(['b0', 'b1', 'b2', 'i0', 'i1', 'd0', 'none'])], afterMs };
  if (roll < 96) return { type: 'close', afterMs };
  return { type: 'open', plan: randomPlan(random), afterMs };
}

/** Some of six blobs, five images and two destinations; often as in other plans, sometimes with other data or needs. */
function randomPlan(random: Random): LedgerPlan {
  const rank = ranks(random);
  const some = (most: number): number[] =>
    Array.from({ length: most }, (_, at) => at).filter(() => random.chance(0.85));
  const blobs = some(6).map((at) =>
    // Two keys for each digest, as for two destinations.
    blob(`b${at}`, rank(), { of: `${at % 3}`, bytes: random.below(3), data: random.chance(0.9) ? at : 'changed' }),
  );
  const items: LedgerItem[] = [...blobs];
  const pickSome = (): string[] => {
    // Often what the place says, so that other plans have the same; twice sometimes.
    const at = random.chance(0.9) ? items.length % 3 : random.below(items.length + 1);
    return [...items.slice(at, at + 3), ...items.slice(at, at + (random.chance(0.1) ? 1 : 0))].map(({ key }) => key);
  };
  for (const at of some(5)) items.push(image(`i${at}`, rank(), pickSome()));
  for (const at of some(2)) items.push(destination(`d${at}`, rank(), pickSome()));
  return planOf(...items.toSorted(() => random.below(3) - 1));
}

/** Numbers that come once each, in no order. */
function ranks(random: Random): () => number {
  const used = new Set<number>();
  return () => {
    for (;;) {
      const rank = random.below(100);
      if (used.has(rank)) continue;
      used.add(rank);
      return rank;
    }
  };
}
