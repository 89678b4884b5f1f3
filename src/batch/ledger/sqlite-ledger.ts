import type { HeldLock } from '../../streams/lock-file.ts';
import type { Claim, Failure, ItemKind, ItemResult, Json, LedgerPlan, Token } from './ledger.ts';
import { Claims } from './sqlite-claims.ts';
import type { Connection, Statement } from './sqlite-connection.ts';
import { EventRecorder } from './sqlite-events.ts';
import { sqliteFailure } from './sqlite-failure.ts';
import { openPlan } from './sqlite-plan.ts';
import { SqliteReader } from './sqlite-reader.ts';
import { Settlement } from './sqlite-settlement.ts';
import { ItemStates } from './sqlite-states.ts';
import { WriteGroup } from './write-group.ts';

export interface SqliteLedgerOptions {
  clock: () => number;
  groupMs: number;
}

/** The ledger in a file of its own, which one process writes and any number read. */
export class SqliteLedger extends SqliteReader {
  readonly #lock: HeldLock;
  readonly #events: EventRecorder;
  readonly #states: ItemStates;
  readonly #claims: Claims;
  readonly #settlement: Settlement;
  readonly #group: WriteGroup;
  readonly #setNote: Statement<[string, string]>;
  #durable: boolean | null = null;

  constructor(db: Connection, path: string, lock: HeldLock, options: SqliteLedgerOptions) {
    super(db, path, options.clock);
    this.#lock = lock;
    this.#events = new EventRecorder(db);
    this.#states = new ItemStates(db, this.#events);
    this.#claims = new Claims(db, this.rows, this.#events);
    this.#settlement = new Settlement(db, this.rows, this.#events, this.#states);
    this.#group = new WriteGroup((work) => this.#write(work, true), options.groupMs);
    this.#setNote = db.prepare(
      'INSERT INTO notes (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    );
  }

  override async open(plan: LedgerPlan): Promise<void> {
    this.#group.flush();
    this.#write(() => openPlan(this.db, plan, this.clock(), this.#events, this.#states), true);
  }

  override async claim(worker: string, kinds: readonly ItemKind[], count: number, leaseMs: number): Promise<Claim[]> {
    this.#group.flush();
    const nowMs = this.clock();
    // A claim that a power failure undoes is given back anyway when the ledger is opened again.
    return this.#write(() => {
      this.#states.passTime(nowMs);
      return this.#claims.claim(worker, kinds, count, leaseMs, nowMs);
    }, false);
  }

  override async extend(token: Token, leaseMs: number): Promise<void> {
    const nowMs = this.clock();
    return this.#group.add(() => this.#settlement.extend(token, leaseMs, nowMs));
  }

  override async complete(token: Token, result: ItemResult): Promise<ItemResult> {
    const nowMs = this.clock();
    return this.#group.add(() => this.#settlement.complete(token, result, nowMs));
  }

  override async fail(token: Token, failure: Failure, retryAfterMs?: number): Promise<void> {
    const nowMs = this.clock();
    return this.#group.add(() => this.#settlement.fail(token, failure, retryAfterMs, nowMs));
  }

  override async release(token: Token): Promise<void> {
    const nowMs = this.clock();
    return this.#group.add(() => this.#settlement.release(token, nowMs));
  }

  override async reopen(keys: readonly string[]): Promise<void> {
    const nowMs = this.clock();
    return this.#group.add(() => {
      for (const key of keys) this.#states.reopenKey(key, nowMs);
    });
  }

  override async note(key: string, value: Json): Promise<void> {
    return this.#group.add(() => void this.#setNote.run(key, JSON.stringify(value)));
  }

  override async close(): Promise<void> {
    if (!this.db.open) return;
    try {
      this.#group.flush();
      this.#makeOneFile();
      this.db.close();
    } finally {
      this.#lock.release();
    }
  }

  /** Without its log it can be copied, and read where nothing can be written; while others read, it keeps it. */
  #makeOneFile(): void {
    try {
      this.db.pragma('busy_timeout = 0');
      this.db.pragma('journal_mode = DELETE');
    } catch {
      // All is in file and log.
    }
  }

  /** What is waiting to be written is part of every answer, and time has passed up to now. */
  protected override reading<Value>(read: () => Value): Value {
    this.#group.flush();
    this.#write(() => this.#states.passTime(this.clock()), false);
    return super.reading(read);
  }

  /** One transaction; `durable` waits for the disk, what is not may be lost with the power, not with the process. */
  #write<Value>(work: () => Value, durable: boolean): Value {
    try {
      if (this.#durable !== durable) this.db.pragma(`synchronous = ${durable ? 'FULL' : 'NORMAL'}`);
      this.#durable = durable;
      return this.db.transaction(work).immediate();
    } catch (error) {
      throw sqliteFailure(error, this.location);
    }
  }
}
