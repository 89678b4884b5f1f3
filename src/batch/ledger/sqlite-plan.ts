import { createHash } from 'node:crypto';
import { engineError } from '../../errors/kinds.ts';
import { sha256Digest } from '../../identity/digest.ts';
import type { LedgerItem, LedgerPlan } from './ledger.ts';
import type { Connection } from './sqlite-connection.ts';
import type { EventRecorder } from './sqlite-events.ts';
import { PlanTables, type PlannedRow } from './sqlite-plan-tables.ts';
import type { ItemStates } from './sqlite-states.ts';

/** An item of the new plan, and what is found in the ledger for it. */
interface Wanted {
  item: LedgerItem;
  place: number;
  hash: ItemHash;
}

/** Of what makes an item the work that it is, and of what is only said about it. */
interface ItemHash {
  meaning: string;
  data: string;
}

/** Makes `plan` the plan, in the transaction of the caller. */
export function openPlan(
  db: Connection,
  plan: LedgerPlan,
  nowMs: number,
  events: EventRecorder,
  states: ItemStates,
): void {
  const tables = new PlanTables(db);
  const known = tables.hashes();
  const data = JSON.stringify(plan.data);
  const planHash = sha256Digest(`${plan.id}\n${data}`);
  const itemsHash = hashOf(plan.items);
  events.opened(nowMs);
  states.beginAnew(nowMs);
  if (known.items_hash !== itemsHash) new PlanChange(tables, plan.items, nowMs, events, states).apply();
  if (known.plan_hash !== planHash || known.items_hash !== itemsHash) {
    tables.setPlan(plan.id, planHash, itemsHash, data);
  }
}

function hashOf(items: readonly LedgerItem[]): string {
  const hash = createHash('sha256');
  for (const item of items) hash.update(itemText(item));
  return hash.digest('hex');
}

function itemText(item: LedgerItem): string {
  return JSON.stringify([item.key, item.rank, item.bytes, ...meaning(item), item.data]);
}

/** With another one of these an item is another piece of work. */
function meaning({ kind, blob, needs }: LedgerItem): unknown[] {
  return [kind, blob?.digest ?? null, blob?.profile ?? null, needs];
}

class PlanChange {
  readonly #tables: PlanTables;
  readonly #nowMs: number;
  readonly #events: EventRecorder;
  readonly #states: ItemStates;
  readonly #wanted: ReadonlyMap<string, Wanted>;
  /** Where each item of the plan is in the tables. */
  readonly #numbers: Map<string, number> = new Map();

  constructor(
    tables: PlanTables,
    items: readonly LedgerItem[],
    nowMs: number,
    events: EventRecorder,
    states: ItemStates,
  ) {
    this.#tables = tables;
    this.#nowMs = nowMs;
    this.#events = events;
    this.#states = states;
    this.#wanted = wantedByKey(items);
  }

  apply(): void {
    const rows = this.#tables.rows();
    const altered = rows.flatMap((row) => this.#meet(row, this.#wanted.get(row.key)));
    const added = [...this.#wanted.values()].filter(({ item }) => !this.#numbers.has(item.key));
    for (const { item, place, hash } of added) this.#numbers.set(item.key, this.#tables.insert(item, place, hash));
    for (const { item } of [...altered, ...added]) this.#writeNeeds(item);
    if (rows.length > 0) this.#tables.countNeeds();
  }

  /** Drops, keeps or renews an item of the ledger; answers it when its needs are to be written anew. */
  #meet(row: PlannedRow, wanted: Wanted | undefined): Wanted[] {
    if (wanted === undefined) {
      this.#tables.drop(row.number);
      this.#events.record(this.#nowMs, 'dropped', row);
      return [];
    }
    this.#numbers.set(row.key, row.number);
    const { item, place, hash } = wanted;
    this.#tables.move(row, item, place);
    const isSame = row.hash === hash.meaning;
    if (!isSame || row.data_hash !== hash.data) this.#tables.rewrite(row.number, item, hash);
    if (isSame) return [];
    this.#states.renew(row, this.#nowMs);
    this.#tables.dropNeeds(row.number);
    return [wanted];
  }

  #writeNeeds(item: LedgerItem): void {
    const number = this.#numbers.get(item.key)!;
    for (const [position, key] of item.needs.entries()) {
      const need = this.#numbers.get(key);
      if (need === undefined) throw badPlan(`${JSON.stringify(item.key)} needs ${JSON.stringify(key)}, which it lacks`);
      this.#tables.insertNeed(number, position, need);
    }
  }
}

function wantedByKey(items: readonly LedgerItem[]): ReadonlyMap<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  for (const [place, item] of items.entries()) {
    if (wanted.has(item.key)) throw badPlan(`it has ${JSON.stringify(item.key)} twice`);
    const hash = {
      meaning: sha256Digest(JSON.stringify(meaning(item))),
      data: sha256Digest(JSON.stringify(item.data)),
    };
    wanted.set(item.key, { item, place, hash });
  }
  return wanted;
}

function badPlan(problem: string): Error {
  return engineError('INTERNAL', `a plan cannot be opened: ${problem}`, { where: 'ledger' });
}
