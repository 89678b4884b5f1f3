import { afterEach, beforeEach } from 'vitest';
import type { Claim, ItemKind, Ledger, LedgerRow, Token } from '../../src/batch/ledger/ledger.ts';
import { codeOf } from './code-of.ts';
import { OUTAGE, result } from './ledger-items.ts';

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

export const LEASE_MS = 60_000;

/** What every call with a token that is no more ends in. */
export const LOST: readonly string[] = Array.from({ length: 4 }, () => 'LEASE_LOST');

/** A new ledger for each test, and what tests often do with it. */
export class LedgerStand {
  lab!: LedgerLab;
  ledger!: Ledger;

  constructor(create: LedgerFactory) {
    beforeEach(async () => {
      this.lab = await create();
      this.ledger = await this.lab.open();
    });
    afterEach(async () => {
      await this.ledger.close();
      await this.lab.remove();
    });
  }

  claim(count: number, kinds: readonly ItemKind[] = ['blob'], worker = 'w1'): Promise<Claim[]> {
    return this.ledger.claim(worker, kinds, count, LEASE_MS);
  }

  async claimOne(kinds: readonly ItemKind[] = ['blob'], worker = 'w1'): Promise<Claim> {
    return (await this.claim(1, kinds, worker))[0]!;
  }

  /** Claims them and tells which they are. */
  async keys(count: number, kinds: readonly ItemKind[]): Promise<string[]> {
    return (await this.claim(count, kinds)).map(({ item }) => item.key);
  }

  async rowOf(key: string): Promise<LedgerRow> {
    return (await this.ledger.items()).find(({ item }) => item.key === key)!;
  }

  async states(): Promise<Record<string, string>> {
    return Object.fromEntries((await this.ledger.items()).map(({ item, state }) => [item.key, state]));
  }

  /** What has happened, as `done KEY`. */
  async types(since = 0): Promise<string[]> {
    return (await this.ledger.events(since)).map(({ type, key }) => (key === null ? type : `${type} ${key}`));
  }

  async reopened(): Promise<void> {
    await this.ledger.close();
    this.ledger = await this.lab.open();
  }

  /** How each call with this token ends. */
  async lost(token: Token): Promise<unknown[]> {
    return [
      await codeOf(this.ledger.complete(token, result('x'))),
      await codeOf(this.ledger.fail(token, OUTAGE)),
      await codeOf(this.ledger.extend(token, LEASE_MS)),
      await codeOf(this.ledger.release(token)),
    ];
  }
}
