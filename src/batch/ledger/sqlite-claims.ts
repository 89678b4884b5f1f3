import { randomBytes } from 'node:crypto';
import type { Claim, ItemKind } from './ledger.ts';
import type { Connection, Statement } from './sqlite-connection.ts';
import type { EventRecorder } from './sqlite-events.ts';
import {
  type BlobRow,
  blobOf,
  ITEM_COLUMNS,
  type ItemRow,
  OUTCOME_COLUMNS,
  type OutcomeRow,
  type RowReader,
} from './sqlite-rows.ts';

type ReadyRow = ItemRow & { attempts: number };
type NeedRow = OutcomeRow & { key: string; state: string };

/** Hands out items. */
export class Claims {
  readonly #rows: RowReader;
  readonly #events: EventRecorder;
  readonly #ready: Statement<[ItemKind, number], ReadyRow>;
  readonly #take: Statement<[string, string, number, number, number]>;
  readonly #needs: Statement<[number], NeedRow>;
  readonly #known: Statement<[string, string], BlobRow>;
  readonly #sitting: string = randomBytes(12).toString('hex');
  #count = 0;

  constructor(db: Connection, rows: RowReader, events: EventRecorder) {
    this.#rows = rows;
    this.#events = events;
    this.#ready = db.prepare(
      `SELECT ${ITEM_COLUMNS}, i.attempts FROM items i JOIN content c ON c.item = i.number
        WHERE i.kind = ? AND i.state = 'waiting' AND i.open_needs = 0 AND i.due_ms IS NULL ORDER BY i.rank LIMIT ?`,
    );
    this.#take = db.prepare(
      `UPDATE items SET state = 'claimed', attempts = attempts + 1, worker = ?, token = ?, lease_ms = ?,
        started_ms = COALESCE(started_ms, ?) WHERE number = ?`,
    );
    this.#needs = db.prepare(
      `SELECT i.key, i.state, ${OUTCOME_COLUMNS} FROM needs n JOIN items i ON i.number = n.need
        LEFT JOIN outcomes o ON o.item = n.need WHERE n.item = ? ORDER BY n.position`,
    );
    this.#known = db.prepare('SELECT * FROM blobs WHERE digest = ? AND profile = ?');
  }

  /** Up to `count` of those that are ready: of the first kind first, in each by rank. */
  claim(worker: string, kinds: readonly ItemKind[], count: number, leaseMs: number, nowMs: number): Claim[] {
    const claims: Claim[] = [];
    for (const kind of kinds) {
      const left = count - claims.length;
      if (left <= 0) break;
      for (const row of this.#ready.all(kind, left)) claims.push(this.#claimOne(row, worker, leaseMs, nowMs));
    }
    return claims;
  }

  #claimOne(row: ReadyRow, worker: string, leaseMs: number, nowMs: number): Claim {
    this.#count += 1;
    // The number finds the item again; the rest is never the same twice, in any sitting.
    const token = `${row.number}-${this.#sitting}-${this.#count}`;
    this.#take.run(worker, token, nowMs + leaseMs, nowMs, row.number);
    const attempt = row.attempts + 1;
    this.#events.record(nowMs, 'claimed', { key: row.key, kind: row.kind, worker, attempts: attempt });
    const needs = this.#needs.all(row.number);
    const item = this.#rows.item(
      row,
      needs.map(({ key }) => key),
    );
    return { token, item, attempt, needs: needs.map((need) => this.#ended(need)), known: this.#knownResult(row) };
  }

  #ended(need: NeedRow): Claim['needs'][number] {
    const failed = need.state === 'failed';
    return {
      key: need.key,
      result: failed ? null : this.#rows.result(need),
      failure: failed ? this.#rows.failure(need) : null,
    };
  }

  #knownResult({ digest, profile }: ItemRow): Claim['known'] {
    if (digest === null || profile === null) return null;
    const row = this.#known.get(digest, profile);
    return row === undefined ? null : blobOf(row);
  }
}
