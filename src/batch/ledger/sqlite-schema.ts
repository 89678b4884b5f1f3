import { engineError } from '../../errors/kinds.ts';
import type { Connection } from './sqlite-connection.ts';
import { invalidLedger } from './sqlite-failure.ts';

/** Of the tables below; a ledger of a later layermill may have another. */
const FORMAT = 1;

/**
 * What changes often (`items`) is apart from what is long (`content`, `outcomes`): a base layer that is done touches every
 * image. Times are milliseconds since 1970, `data`, `result` and `details` are JSON. Nothing here is SQLite's alone.
 */
const TABLES = `
CREATE TABLE ledger (
  format INTEGER NOT NULL,
  made_ms BIGINT NOT NULL,
  plan_id TEXT,
  plan_hash TEXT,       -- of id and data: is it the plan that was opened before?
  items_hash TEXT,      -- of all items
  plan_data TEXT
);

CREATE TABLE items (
  number INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,   -- blob, image, destination
  rank BIGINT NOT NULL, -- lower ones first
  bytes BIGINT NOT NULL,
  state TEXT NOT NULL,  -- waiting, claimed, done, failed
  open_needs INTEGER NOT NULL, -- how many of its needs are neither done nor failed
  attempts INTEGER NOT NULL,
  due_ms BIGINT,        -- of a waiting one: not before; null for at once
  worker TEXT,          -- whose it is or was
  token TEXT,           -- of the claim that holds it or has settled it
  lease_ms BIGINT,      -- of a claimed one: until when
  started_ms BIGINT,
  ended_ms BIGINT,
  sent BIGINT NOT NULL  -- bytes
);
CREATE INDEX items_ready ON items (kind, rank) WHERE state = 'waiting' AND open_needs = 0 AND due_ms IS NULL;
CREATE INDEX items_due ON items (due_ms) WHERE state = 'waiting' AND due_ms IS NOT NULL;
CREATE INDEX items_leased ON items (lease_ms) WHERE state = 'claimed';

CREATE TABLE content (
  item INTEGER PRIMARY KEY,
  place INTEGER NOT NULL, -- in the plan
  hash TEXT NOT NULL,     -- of what makes it another item
  data_hash TEXT NOT NULL,  -- of what is only said about it
  digest TEXT,            -- of a blob
  profile TEXT,
  data TEXT NOT NULL
);

CREATE TABLE needs (
  item INTEGER NOT NULL,
  position INTEGER NOT NULL,
  need INTEGER NOT NULL,
  PRIMARY KEY (item, position)
);
CREATE INDEX needs_needed ON needs (need, item);

CREATE TABLE outcomes (
  item INTEGER PRIMARY KEY,
  result TEXT,
  failure_class TEXT,     -- of the last failure: passing, permanent, resource
  failure_code TEXT,
  failure_message TEXT,
  failure_details TEXT,
  failed_ms BIGINT
);

CREATE TABLE blobs (
  digest TEXT NOT NULL,
  profile TEXT NOT NULL,
  result_digest TEXT NOT NULL,
  result_size BIGINT NOT NULL,
  result_diff_id TEXT NOT NULL,
  PRIMARY KEY (digest, profile)
);

CREATE TABLE notes (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
);

CREATE TABLE events (
  number INTEGER PRIMARY KEY,
  at_ms BIGINT NOT NULL,
  type TEXT NOT NULL,
  key TEXT,
  kind TEXT,
  worker TEXT,
  attempt INTEGER NOT NULL,
  bytes BIGINT NOT NULL,
  failure TEXT
);

CREATE VIEW failures AS
  SELECT i.kind, i.key, i.state, i.attempts, o.failure_class AS class, o.failure_code AS code,
    o.failure_message AS message, o.failure_details AS details, o.failed_ms, i.due_ms AS next_ms, c.data
  FROM items i JOIN outcomes o ON o.item = i.number JOIN content c ON c.item = i.number
  WHERE o.failure_code IS NOT NULL AND i.state <> 'done';

CREATE VIEW images AS
  SELECT i.rank, i.key, i.state, i.open_needs, i.attempts, i.bytes, i.sent, i.started_ms, i.ended_ms,
    o.failure_code, o.failure_message, o.result, c.data
  FROM items i JOIN content c ON c.item = i.number LEFT JOIN outcomes o ON o.item = i.number
  WHERE i.kind = 'image';
`;

/** Makes a new file a ledger; of another one the format is checked, before anything is written to it. */
export function prepareFile(db: Connection, path: string, nowMs: number): void {
  const isNew = db.prepare("SELECT COUNT(*) FROM sqlite_master WHERE type = 'table'").pluck().get() === 0;
  if (!isNew) checkFormat(db, path);
  db.pragma('journal_mode = WAL');
  if (isNew) db.transaction(() => createTables(db, nowMs))();
}

function createTables(db: Connection, nowMs: number): void {
  db.exec(TABLES);
  db.prepare('INSERT INTO ledger (format, made_ms) VALUES (?, ?)').run(FORMAT, nowMs);
}

/** Throws LEDGER_INVALID, LEDGER_FORMAT_NEWER. */
export function checkFormat(db: Connection, path: string): void {
  const format = readFormat(db);
  if (typeof format !== 'number' || format < 1) throw invalidLedger(path, 'it was made by something else');
  if (format <= FORMAT) return;
  const message = `the ledger ${JSON.stringify(path)} has format ${format}, which only a later layermill knows (this one knows ${FORMAT}); update, or name another file with --ledger`;
  throw engineError('LEDGER_FORMAT_NEWER', message, { path, format });
}

function readFormat(db: Connection): unknown {
  const columns = db.prepare<[], { name: string }>("SELECT name FROM pragma_table_info('ledger')").pluck().all();
  return (columns as unknown[]).includes('format') ? db.prepare('SELECT format FROM ledger').pluck().get() : undefined;
}
