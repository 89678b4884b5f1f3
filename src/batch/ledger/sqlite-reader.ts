import { engineError } from '../../errors/kinds.ts';
import type { Digest } from '../../identity/digest.ts';
import type {
  BlobResult,
  Claim,
  Failure,
  ItemKind,
  ItemResult,
  Json,
  Ledger,
  LedgerEvent,
  LedgerItem,
  LedgerPlan,
  LedgerRow,
  Summary,
  Token,
} from './ledger.ts';
import type { Connection } from './sqlite-connection.ts';
import { sqliteFailure } from './sqlite-failure.ts';
import {
  type BlobRow,
  blobOf,
  ITEM_COLUMNS,
  type ItemRow,
  OUTCOME_COLUMNS,
  type OutcomeRow,
  RowReader,
  type StateRow,
} from './sqlite-rows.ts';
import { readSummary } from './sqlite-summary.ts';

/** Events that are answered at once when nobody says how many. */
const MOST_EVENTS = 10_000;

interface EventRow extends Omit<LedgerEvent, 'atMs' | 'failure'> {
  at_ms: number;
  failure: string | null;
}

/** A ledger that is only read, while others may write it; what would write throws INTERNAL. */
export class SqliteReader implements Ledger {
  readonly location: string;
  protected readonly db: Connection;
  protected readonly clock: () => number;
  protected readonly rows: RowReader;

  constructor(db: Connection, path: string, clock: () => number) {
    this.db = db;
    this.location = path;
    this.clock = clock;
    this.rows = new RowReader(path);
  }

  async plan(): Promise<LedgerPlan | null> {
    return this.reading(() => {
      const row = this.#row<{ plan_id: string | null; plan_data: string }>('SELECT plan_id, plan_data FROM ledger');
      if (row === undefined || row.plan_id === null) return null;
      return { id: row.plan_id, data: this.rows.json<Json>(row.plan_data), items: this.#plannedItems() };
    });
  }

  async blobResult(digest: Digest, profile: string): Promise<BlobResult | null> {
    return this.reading(() => {
      const row = this.#row<BlobRow>('SELECT * FROM blobs WHERE digest = ? AND profile = ?', digest, profile);
      return row === undefined ? null : blobOf(row);
    });
  }

  async blobResults(): Promise<{ digest: Digest; profile: string; result: BlobResult }[]> {
    return this.reading(() => {
      const rows = this.#all<BlobRow & { digest: Digest; profile: string }>('SELECT * FROM blobs');
      return rows.map((row) => ({ digest: row.digest, profile: row.profile, result: blobOf(row) }));
    });
  }

  async notes(): Promise<ReadonlyMap<string, Json>> {
    return this.reading(() => {
      const rows = this.#all<{ key: string; value: string }>('SELECT key, value FROM notes ORDER BY key');
      return new Map(rows.map(({ key, value }) => [key, this.rows.json<Json>(value)]));
    });
  }

  async events(since: number, most: number = MOST_EVENTS): Promise<LedgerEvent[]> {
    return this.reading(() => {
      const sql = 'SELECT * FROM events WHERE number > ? ORDER BY number LIMIT ?';
      return this.#all<EventRow>(sql, since, most).map(({ at_ms: atMs, failure, ...event }) => {
        return { ...event, atMs, failure: failure === null ? null : this.rows.json<Failure>(failure) };
      });
    });
  }

  async items(kind?: ItemKind): Promise<LedgerRow[]> {
    return this.reading(() => {
      const needs = this.#needs();
      const sql = `SELECT ${ITEM_COLUMNS}, ${OUTCOME_COLUMNS}, i.state, i.attempts, i.started_ms, i.ended_ms
        FROM items i JOIN content c ON c.item = i.number LEFT JOIN outcomes o ON o.item = i.number
        ${kind === undefined ? '' : 'WHERE i.kind = ?'}`;
      const rows = this.#all<ItemRow & OutcomeRow & StateRow>(sql, ...(kind === undefined ? [] : [kind]));
      // Sorted here: the database would write the long rows down to sort them.
      return rows.toSorted(byRank).map((row) => this.#ledgerRow(row, needs.get(row.number) ?? []));
    });
  }

  async summary(): Promise<Summary> {
    return this.reading(() => readSummary(this.db, this.clock()));
  }

  async open(_plan: LedgerPlan): Promise<void> {
    throw this.#readOnly('open');
  }

  async claim(_worker: string, _kinds: readonly ItemKind[], _count: number, _leaseMs: number): Promise<Claim[]> {
    throw this.#readOnly('claim');
  }

  async extend(_token: Token, _leaseMs: number): Promise<void> {
    throw this.#readOnly('extend');
  }

  async complete(_token: Token, _result: ItemResult): Promise<ItemResult> {
    throw this.#readOnly('complete');
  }

  async fail(_token: Token, _failure: Failure, _retryAfterMs?: number): Promise<void> {
    throw this.#readOnly('fail');
  }

  async release(_token: Token): Promise<void> {
    throw this.#readOnly('release');
  }

  async reopen(_keys: readonly string[]): Promise<void> {
    throw this.#readOnly('reopen');
  }

  async note(_key: string, _value: Json): Promise<void> {
    throw this.#readOnly('note');
  }

  async close(): Promise<void> {
    this.db.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** All that one answer needs is read from one state of the ledger. Throws coded errors. */
  protected reading<Value>(read: () => Value): Value {
    try {
      return this.db.transaction(read)();
    } catch (error) {
      throw sqliteFailure(error, this.location);
    }
  }

  #plannedItems(): LedgerItem[] {
    const needs = this.#needs();
    const sql = `SELECT ${ITEM_COLUMNS} FROM content c JOIN items i ON i.number = c.item ORDER BY c.place`;
    return this.#all<ItemRow>(sql).map((row) => this.rows.item(row, needs.get(row.number) ?? []));
  }

  /** The keys that each item needs, by its number; one string for each key, however many need it. */
  #needs(): ReadonlyMap<number, string[]> {
    const pairs = (sql: string): [number, unknown][] => this.db.prepare<[], [number, unknown]>(sql).raw().all();
    const keys = new Map(pairs('SELECT number, key FROM items'));
    const needs = new Map<number, string[]>();
    for (const [item, need] of pairs('SELECT item, need FROM needs ORDER BY item, position')) {
      const key = keys.get(need as number) as string;
      const known = needs.get(item);
      if (known === undefined) needs.set(item, [key]);
      else known.push(key);
    }
    return needs;
  }

  #ledgerRow(row: ItemRow & OutcomeRow & StateRow, needs: readonly string[]): LedgerRow {
    return {
      item: this.rows.item(row, needs),
      state: row.state,
      attempts: row.attempts,
      result: this.rows.result(row),
      failure: this.rows.failure(row),
      startedMs: row.started_ms,
      endedMs: row.ended_ms,
    };
  }

  #row<Row>(sql: string, ...values: unknown[]): Row | undefined {
    return this.db.prepare<unknown[], Row>(sql).get(...values);
  }

  #all<Row>(sql: string, ...values: unknown[]): Row[] {
    return this.db.prepare<unknown[], Row>(sql).all(...values);
  }

  #readOnly(what: string): Error {
    const message = `the ledger ${JSON.stringify(this.location)} was opened for reading: ${what} is not possible`;
    return engineError('INTERNAL', message, { where: 'ledger' });
  }
}

function byRank(a: ItemRow, b: ItemRow): number {
  return a.rank - b.rank || (a.kind < b.kind ? -1 : 1);
}
