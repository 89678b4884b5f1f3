import { engineError } from '../../errors/kinds.ts';
import type { BlobResult, Failure, ItemResult, Token } from './ledger.ts';
import type { Connection, Statement } from './sqlite-connection.ts';
import type { EventRecorder } from './sqlite-events.ts';
import { type BlobRow, blobOf, type RowReader } from './sqlite-rows.ts';
import type { ItemStateRow, ItemStates } from './sqlite-states.ts';

type HeldRow = ItemStateRow & { digest: string | null; profile: string | null };

/** What holders of tokens do. Each method throws LEASE_LOST, before it has changed anything, for a token that is no more. */
export class Settlement {
  readonly #rows: RowReader;
  readonly #events: EventRecorder;
  readonly #states: ItemStates;
  readonly #held: Statement<[number], HeldRow>;
  readonly #recorded: Statement<[number], string | null>;
  readonly #extend: Statement<[number, number]>;
  readonly #done: Statement<[number, number, number]>;
  readonly #failed: Statement<[number, number]>;
  readonly #retry: Statement<[number, number]>;
  readonly #result: Statement<[number, string]>;
  readonly #failure: Statement<[number, string, string, string, string, number]>;
  readonly #offer: Statement<[string, string, string, number, string]>;
  readonly #first: Statement<[string, string], BlobRow>;

  constructor(db: Connection, rows: RowReader, events: EventRecorder, states: ItemStates) {
    this.#rows = rows;
    this.#events = events;
    this.#states = states;
    this.#held = db.prepare(
      `SELECT i.number, i.key, i.kind, i.state, i.worker, i.attempts, i.token, i.lease_ms, c.digest, c.profile
        FROM items i JOIN content c ON c.item = i.number WHERE i.number = ?`,
    );
    this.#recorded = db.prepare<[number], string | null>('SELECT result FROM outcomes WHERE item = ?').pluck();
    this.#extend = db.prepare('UPDATE items SET lease_ms = ? WHERE number = ?');
    this.#done = db.prepare(
      `UPDATE items SET state = 'done', lease_ms = NULL, ended_ms = ?, sent = ? WHERE number = ?`,
    );
    this.#failed = db.prepare(`UPDATE items SET state = 'failed', lease_ms = NULL, ended_ms = ? WHERE number = ?`);
    this.#retry = db.prepare(
      `UPDATE items SET state = 'waiting', token = NULL, lease_ms = NULL, due_ms = ? WHERE number = ?`,
    );
    this.#result = db.prepare(
      'INSERT INTO outcomes (item, result) VALUES (?, ?) ON CONFLICT (item) DO UPDATE SET result = excluded.result',
    );
    this.#failure = db.prepare(
      `INSERT INTO outcomes (item, failure_class, failure_code, failure_message, failure_details, failed_ms)
        VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (item) DO UPDATE SET failure_class = excluded.failure_class,
        failure_code = excluded.failure_code, failure_message = excluded.failure_message,
        failure_details = excluded.failure_details, failed_ms = excluded.failed_ms`,
    );
    this.#offer = db.prepare(
      `INSERT INTO blobs (digest, profile, result_digest, result_size, result_diff_id) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (digest, profile) DO NOTHING`,
    );
    this.#first = db.prepare('SELECT * FROM blobs WHERE digest = ? AND profile = ?');
  }

  extend(token: Token, leaseMs: number, nowMs: number): void {
    const row = this.#holder(token, nowMs);
    this.#extend.run(nowMs + leaseMs, row.number);
  }

  complete(token: Token, result: ItemResult, nowMs: number): ItemResult {
    const row = this.#row(token);
    if (row !== undefined && row.token === token && row.state === 'done') return this.#sameAgain(row);
    const held = this.#holder(token, nowMs);
    const recorded = { ...result, blob: this.#firstResult(held, result.blob) };
    this.#done.run(nowMs, result.sent, held.number);
    this.#result.run(held.number, JSON.stringify(recorded));
    this.#states.settled(held.number);
    this.#events.record(nowMs, 'done', held, { bytes: result.sent });
    return recorded;
  }

  fail(token: Token, failure: Failure, retryAfterMs: number | undefined, nowMs: number): void {
    const held = this.#holder(token, nowMs);
    const { class: sort, code, message, details } = failure;
    this.#failure.run(held.number, sort, code, message, JSON.stringify(details), nowMs);
    if (retryAfterMs === undefined) {
      this.#failed.run(nowMs, held.number);
      this.#states.settled(held.number);
    } else {
      this.#retry.run(nowMs + retryAfterMs, held.number);
    }
    this.#events.record(nowMs, retryAfterMs === undefined ? 'failed' : 'retry', held, { failure });
  }

  release(token: Token, nowMs: number): void {
    this.#states.giveBack(this.#holder(token, nowMs), nowMs);
  }

  #sameAgain(row: HeldRow): ItemResult {
    return this.#rows.json(this.#recorded.get(row.number) ?? 'null');
  }

  /** What this blob is known to have become, which is `mine` when nobody was before. */
  #firstResult({ digest, profile }: HeldRow, mine: BlobResult | null): BlobResult | null {
    if (digest === null || profile === null || mine === null) return mine;
    this.#offer.run(digest, profile, mine.digest, mine.size, mine.diffId);
    const first = this.#first.get(digest, profile);
    return first === undefined ? mine : blobOf(first);
  }

  #holder(token: Token, nowMs: number): HeldRow {
    const row = this.#row(token);
    const holds = row?.token === token && row.state === 'claimed' && (row.lease_ms ?? 0) > nowMs;
    if (row !== undefined && holds) return row;
    const key = row?.key ?? token;
    const message = `${JSON.stringify(key)} is not this worker's any more: its lease has run out, or somebody else has it`;
    throw engineError('LEASE_LOST', message, { key });
  }

  #row(token: Token): HeldRow | undefined {
    const number = Number.parseInt(token, 10);
    return Number.isSafeInteger(number) ? this.#held.get(number) : undefined;
  }
}
