import type { ItemKind, ItemState } from './ledger.ts';
import type { Connection, Statement } from './sqlite-connection.ts';
import type { EventRecorder, Subject } from './sqlite-events.ts';

/** The part of an item that changes. */
export interface ItemStateRow extends Subject {
  number: number;
  kind: ItemKind;
  state: ItemState;
  token: string | null;
  lease_ms: number | null;
}

const COLUMNS = 'number, key, kind, state, worker, attempts, token, lease_ms';

/** How items begin to wait again, and what that means for those that need them. */
export class ItemStates {
  readonly #events: EventRecorder;
  readonly #byState: Statement<[ItemState], ItemStateRow>;
  readonly #byKey: Statement<[string], ItemStateRow>;
  readonly #leaseEnded: Statement<[number], ItemStateRow>;
  readonly #wait: Statement<[number]>;
  readonly #unclaim: Statement<[number]>;
  readonly #expire: Statement<[number]>;
  readonly #forget: Statement<[number]>;
  readonly #erase: Statement<[number]>;
  readonly #due: Statement<[number]>;
  readonly #settled: Statement<[number]>;
  readonly #unsettled: Statement<[number]>;

  constructor(db: Connection, events: EventRecorder) {
    this.#events = events;
    this.#byState = db.prepare(`SELECT ${COLUMNS} FROM items WHERE state = ? ORDER BY number`);
    this.#byKey = db.prepare(`SELECT ${COLUMNS} FROM items WHERE key = ?`);
    this.#leaseEnded = db.prepare(`SELECT ${COLUMNS} FROM items WHERE state = 'claimed' AND lease_ms <= ?`);
    this.#wait = db.prepare(
      `UPDATE items SET state = 'waiting', attempts = 0, due_ms = NULL, worker = NULL, token = NULL, lease_ms = NULL,
        started_ms = NULL, ended_ms = NULL, sent = 0 WHERE number = ?`,
    );
    this.#unclaim = db.prepare(
      `UPDATE items SET state = 'waiting', attempts = attempts - 1, worker = NULL, token = NULL, lease_ms = NULL,
        started_ms = CASE WHEN attempts = 1 THEN NULL ELSE started_ms END WHERE number = ?`,
    );
    this.#expire = db.prepare(
      `UPDATE items SET state = 'waiting', worker = NULL, token = NULL, lease_ms = NULL WHERE number = ?`,
    );
    this.#forget = db.prepare('UPDATE outcomes SET result = NULL WHERE item = ?');
    this.#erase = db.prepare('DELETE FROM outcomes WHERE item = ?');
    this.#due = db.prepare(`UPDATE items SET due_ms = NULL WHERE state = 'waiting' AND due_ms <= ?`);
    this.#settled = db.prepare(
      'UPDATE items SET open_needs = open_needs - 1 WHERE number IN (SELECT item FROM needs WHERE need = ?)',
    );
    this.#unsettled = db.prepare(
      'UPDATE items SET open_needs = open_needs + 1 WHERE number IN (SELECT item FROM needs WHERE need = ?)',
    );
  }

  /** Lets time pass: leases run out, and those that wait for another attempt may be claimed. */
  passTime(nowMs: number): void {
    for (const row of this.#leaseEnded.all(nowMs)) {
      this.#expire.run(row.number);
      this.#events.record(nowMs, 'released', row);
    }
    this.#due.run(nowMs);
  }

  /** As it was before the claim. */
  giveBack(row: ItemStateRow, nowMs: number): void {
    this.#unclaim.run(row.number);
    this.#events.record(nowMs, 'released', row);
  }

  /** For a new run: nobody is at anything, and what failed is tried again. */
  beginAnew(nowMs: number): void {
    for (const row of this.#byState.all('claimed')) this.giveBack(row, nowMs);
    for (const row of this.#byState.all('failed')) this.reopen(row, nowMs);
  }

  reopenKey(key: string, nowMs: number): void {
    const row = this.#byKey.get(key);
    if (row !== undefined && isSettled(row.state)) this.reopen(row, nowMs);
  }

  /** It has become other work: nothing that was known of it counts. */
  renew(row: ItemStateRow, nowMs: number): void {
    this.#wait.run(row.number);
    this.#erase.run(row.number);
    if (isSettled(row.state)) this.#events.record(nowMs, 'reopened', row);
  }

  /** A settled item waits again, as if for the first time; its last failure is still known. */
  reopen(row: ItemStateRow, nowMs: number): void {
    this.#wait.run(row.number);
    this.#forget.run(row.number);
    this.#unsettled.run(row.number);
    this.#events.record(nowMs, 'reopened', row);
  }

  /** One that others need is done or has failed for good. */
  settled(number: number): void {
    this.#settled.run(number);
  }
}

function isSettled(state: ItemState): boolean {
  return state === 'done' || state === 'failed';
}
