import type { ItemKind, ItemState, Summary } from './ledger.ts';
import type { Connection } from './sqlite-connection.ts';

type Counts = Record<ItemKind, Record<ItemState, { items: number; bytes: number }>>;

interface CountRow {
  kind: ItemKind;
  state: ItemState;
  items: number;
  bytes: number;
  sent: number;
}

const COUNTS = `SELECT kind, state, COUNT(*) AS items, SUM(bytes) AS bytes, SUM(sent) AS sent
  FROM items GROUP BY kind, state`;

const READY = `SELECT number FROM items
  WHERE kind = ? AND state = 'waiting' AND open_needs = 0 AND due_ms IS NULL LIMIT 1`;

const NEXT_DUE = `SELECT MIN(due_ms) FROM items WHERE state = 'waiting' AND due_ms IS NOT NULL AND open_needs = 0`;

const KINDS: readonly ItemKind[] = ['blob', 'image', 'destination'];

export function readSummary(db: Connection, nowMs: number): Summary {
  const counts = Object.fromEntries(KINDS.map((kind) => [kind, noItems()])) as Counts;
  let sent = 0;
  for (const row of db.prepare<[], CountRow>(COUNTS).all()) {
    counts[row.kind][row.state] = { items: row.items, bytes: row.bytes };
    sent += row.sent;
  }
  return { nowMs, counts, sent, nextDueMs: nextDue(db, nowMs) };
}

function noItems(): Counts[ItemKind] {
  const none = { items: 0, bytes: 0 };
  return { waiting: none, claimed: none, done: none, failed: none };
}

function nextDue(db: Connection, nowMs: number): number | null {
  const ready = db.prepare(READY);
  if (KINDS.some((kind) => ready.get(kind) !== undefined)) return nowMs;
  const due = db.prepare<[], number | null>(NEXT_DUE).pluck().get() as number | null;
  return due === null ? null : Math.max(nowMs, due);
}
