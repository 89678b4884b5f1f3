import type { ItemKind, LedgerItem } from './ledger.ts';
import type { Connection, Statement } from './sqlite-connection.ts';
import type { ItemStateRow } from './sqlite-states.ts';

export interface PlannedRow extends ItemStateRow {
  rank: number;
  bytes: number;
  place: number;
  hash: string;
  data_hash: string;
}

/** Of the plan that the ledger has; null in a new one. */
interface Hashes {
  plan_hash: string | null;
  items_hash: string | null;
}

/** The tables of a plan, as a change of plan writes them. */
export class PlanTables {
  readonly #db: Connection;
  readonly #insertItem: Statement<[number, string, ItemKind, number, number, number]>;
  readonly #insertContent: Statement<[number, number, string, string, string | null, string | null, string]>;
  readonly #insertNeed: Statement<[number, number, number]>;
  readonly #drops: readonly Statement<[number]>[];
  readonly #moveItem: Statement<[ItemKind, number, number, number]>;
  readonly #moveContent: Statement<[number, number]>;
  readonly #rewrite: Statement<[string, string, string | null, string | null, string, number]>;
  #last: number;

  constructor(db: Connection) {
    this.#db = db;
    this.#insertItem = db.prepare(
      `INSERT INTO items (number, key, kind, rank, bytes, state, open_needs, attempts, sent)
        VALUES (?, ?, ?, ?, ?, 'waiting', ?, 0, 0)`,
    );
    this.#insertContent = db.prepare(
      'INSERT INTO content (item, place, hash, data_hash, digest, profile, data) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    this.#insertNeed = db.prepare('INSERT INTO needs (item, position, need) VALUES (?, ?, ?)');
    this.#drops = [
      db.prepare('DELETE FROM needs WHERE item = ?'),
      db.prepare('DELETE FROM outcomes WHERE item = ?'),
      db.prepare('DELETE FROM content WHERE item = ?'),
      db.prepare('DELETE FROM items WHERE number = ?'),
    ];
    this.#moveItem = db.prepare('UPDATE items SET kind = ?, rank = ?, bytes = ? WHERE number = ?');
    this.#moveContent = db.prepare('UPDATE content SET place = ? WHERE item = ?');
    this.#rewrite = db.prepare(
      'UPDATE content SET hash = ?, data_hash = ?, digest = ?, profile = ?, data = ? WHERE item = ?',
    );
    this.#last = db.prepare<[], number>('SELECT COALESCE(MAX(number), 0) FROM items').pluck().get() as number;
  }

  hashes(): Hashes {
    const row = this.#db.prepare<[], Hashes>('SELECT plan_hash, items_hash FROM ledger').get();
    return row ?? { plan_hash: null, items_hash: null };
  }

  setPlan(id: string, planHash: string, itemsHash: string, data: string): void {
    const sql = 'UPDATE ledger SET plan_id = ?, plan_hash = ?, items_hash = ?, plan_data = ?';
    this.#db.prepare(sql).run(id, planHash, itemsHash, data);
  }

  rows(): PlannedRow[] {
    const sql = `SELECT i.number, i.key, i.kind, i.rank, i.bytes, i.state, i.worker, i.attempts, i.token, i.lease_ms,
      c.place, c.hash, c.data_hash FROM items i JOIN content c ON c.item = i.number`;
    return this.#db.prepare<[], PlannedRow>(sql).all();
  }

  /** Answers the number of the new item. Its needs count as open; they are written with `insertNeed`. */
  insert(item: LedgerItem, place: number, hash: { meaning: string; data: string }): number {
    const { key, kind, rank, bytes, blob, needs, data } = item;
    this.#last += 1;
    this.#insertItem.run(this.#last, key, kind, rank, bytes, new Set(needs).size);
    const { digest = null, profile = null } = blob ?? {};
    this.#insertContent.run(this.#last, place, hash.meaning, hash.data, digest, profile, JSON.stringify(data));
    return this.#last;
  }

  insertNeed(item: number, position: number, need: number): void {
    this.#insertNeed.run(item, position, need);
  }

  drop(number: number): void {
    for (const statement of this.#drops) statement.run(number);
  }

  /** What changes about an item that is still the same work. */
  move(row: PlannedRow, { kind, rank, bytes }: LedgerItem, place: number): void {
    if (row.kind !== kind || row.rank !== rank || row.bytes !== bytes) {
      this.#moveItem.run(kind, rank, bytes, row.number);
    }
    if (row.place !== place) this.#moveContent.run(place, row.number);
  }

  /** Writes what is said of it now. */
  rewrite(number: number, { blob, data }: LedgerItem, hash: { meaning: string; data: string }): void {
    const { digest = null, profile = null } = blob ?? {};
    this.#rewrite.run(hash.meaning, hash.data, digest, profile, JSON.stringify(data), number);
  }

  /** It has become other work, whose needs are still to be written. */
  dropNeeds(number: number): void {
    this.#drops[0]!.run(number);
  }

  /** Counts anew how many needs of each item are open. */
  countNeeds(): void {
    this.#db
      .prepare(
        `UPDATE items SET open_needs = (SELECT COUNT(DISTINCT n.need) FROM needs n JOIN items k ON k.number = n.need
          WHERE n.item = items.number AND k.state IN ('waiting', 'claimed'))`,
      )
      .run();
  }
}
