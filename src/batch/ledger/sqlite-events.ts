import type { Failure, ItemKind, LedgerEvent } from './ledger.ts';
import type { Connection, Statement } from './sqlite-connection.ts';

type EventValues = [number, number, string, string | null, string | null, string | null, number, number, string | null];

/** Of whom an event tells: a row of `items`. */
export interface Subject {
  key: string;
  kind: ItemKind;
  worker: string | null;
  attempts: number;
}

/** Writes down what happens, within the transaction that makes it happen. */
export class EventRecorder {
  readonly #insert: Statement<EventValues>;
  #last: number;

  constructor(db: Connection) {
    this.#insert = db.prepare(
      'INSERT INTO events (number, at_ms, type, key, kind, worker, attempt, bytes, failure) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.#last = db.prepare<[], number>('SELECT COALESCE(MAX(number), 0) FROM events').pluck().get() as number;
  }

  opened(nowMs: number): void {
    this.#insert.run(this.#next(), nowMs, 'opened', null, null, null, 0, 0, null);
  }

  record(nowMs: number, type: Exclude<LedgerEvent['type'], 'opened'>, of: Subject, more: EventFacts = {}): void {
    const failure = more.failure === undefined ? null : JSON.stringify(more.failure);
    const { key, kind, worker, attempts } = of;
    this.#insert.run(this.#next(), nowMs, type, key, kind, worker, attempts, more.bytes ?? 0, failure);
  }

  /** A transaction that is undone leaves a gap, which is no harm. */
  #next(): number {
    this.#last += 1;
    return this.#last;
  }
}

interface EventFacts {
  bytes?: number;
  failure?: Failure;
}
