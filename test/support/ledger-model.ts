import { engineError } from '../../src/errors/kinds.ts';
import type {
  BlobResult,
  Claim,
  Failure,
  ItemKind,
  ItemResult,
  ItemState,
  Ledger,
  LedgerEvent,
  LedgerItem,
  LedgerPlan,
  LedgerRow,
  Summary,
  Token,
} from '../../src/batch/ledger/ledger.ts';

/** What of a ledger the model knows. */
export type Playable = Pick<
  Ledger,
  | 'open'
  | 'claim'
  | 'extend'
  | 'complete'
  | 'fail'
  | 'release'
  | 'reopen'
  | 'blobResults'
  | 'items'
  | 'events'
  | 'summary'
>;

interface Row extends LedgerRow {
  worker: string | null;
  token: Token | null;
  leaseMs: number;
  dueMs: number;
  sent: number;
}

/** The rules of a ledger, as plainly as they can be said, in memory: what another ledger is compared with. */
export class LedgerModel implements Playable {
  readonly #time: { nowMs: number };
  #rows: Map<string, Row> = new Map();
  readonly #blobs: Map<string, { digest: BlobResult['digest']; profile: string; result: BlobResult }> = new Map();
  readonly #events: LedgerEvent[] = [];
  #tokens = 0;

  constructor(time: { nowMs: number }) {
    this.#time = time;
  }

  async open(plan: LedgerPlan): Promise<void> {
    this.#tell('opened', null);
    for (const row of this.#rows.values()) {
      if (row.state === 'claimed') this.#giveBack(row);
      else if (row.state === 'failed') this.#reopen(row);
    }
    const before = this.#rows;
    this.#rows = new Map(plan.items.map((item) => [item.key, this.#planned(item, before.get(item.key))]));
    for (const [key, row] of before) if (!this.#rows.has(key)) this.#tell('dropped', row);
  }

  async claim(worker: string, kinds: readonly ItemKind[], count: number, leaseMs: number): Promise<Claim[]> {
    this.#passTime();
    const ready = kinds.flatMap((kind) =>
      this.#inOrder().filter((row) => row.item.kind === kind && this.#isReady(row)),
    );
    return ready.slice(0, count).map((row) => {
      row.token = `${++this.#tokens}`;
      Object.assign(row, { state: 'claimed', worker, leaseMs: this.#time.nowMs + leaseMs, attempts: row.attempts + 1 });
      row.startedMs ??= this.#time.nowMs;
      this.#tell('claimed', row);
      const { item, token, attempts: attempt } = row;
      return { token, item, attempt, needs: item.needs.map((key) => this.#ended(key)), known: this.#known(item) };
    });
  }

  async extend(token: Token, leaseMs: number): Promise<void> {
    this.#held(token).leaseMs = this.#time.nowMs + leaseMs;
  }

  async complete(token: Token, result: ItemResult): Promise<ItemResult> {
    const done = [...this.#rows.values()].find((row) => row.token === token && row.state === 'done');
    if (done !== undefined) return done.result!;
    const row = this.#held(token);
    const { blob } = row.item;
    if (blob !== null && result.blob !== null && this.#known(row.item) === null) {
      this.#blobs.set(`${blob.digest} ${blob.profile}`, { ...blob, result: result.blob });
    }
    const recorded = { ...result, blob: this.#known(row.item) ?? result.blob };
    Object.assign(row, { state: 'done', result: recorded, sent: result.sent, endedMs: this.#time.nowMs });
    this.#tell('done', row, { bytes: result.sent });
    return recorded;
  }

  async fail(token: Token, failure: Failure, retryAfterMs?: number): Promise<void> {
    const row = this.#held(token);
    row.failure = failure;
    if (retryAfterMs === undefined) Object.assign(row, { state: 'failed', endedMs: this.#time.nowMs });
    else Object.assign(row, { state: 'waiting', dueMs: this.#time.nowMs + retryAfterMs });
    this.#tell(retryAfterMs === undefined ? 'failed' : 'retry', row, { failure });
  }

  async release(token: Token): Promise<void> {
    this.#giveBack(this.#held(token));
  }

  async reopen(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const row = this.#rows.get(key);
      if (row !== undefined && this.#isSettled(key)) this.#reopen(row);
    }
  }

  async blobResults(): ReturnType<Ledger['blobResults']> {
    return [...this.#blobs.values()];
  }

  async items(): Promise<LedgerRow[]> {
    this.#passTime();
    return this.#inOrder().map(({ item, state, attempts, result, failure, startedMs, endedMs }) => {
      return { item, state, attempts, result, failure, startedMs, endedMs };
    });
  }

  async events(since: number): Promise<LedgerEvent[]> {
    this.#passTime();
    return this.#events.slice(since);
  }

  async summary(): Promise<Summary> {
    this.#passTime();
    const rows = [...this.#rows.values()];
    const count = (kind: ItemKind, state: ItemState): { items: number; bytes: number } => {
      const those = rows.filter((row) => row.item.kind === kind && row.state === state);
      return { items: those.length, bytes: those.reduce((sum, { item }) => sum + item.bytes, 0) };
    };
    const states = (kind: ItemKind): Summary['counts'][ItemKind] => ({
      waiting: count(kind, 'waiting'),
      claimed: count(kind, 'claimed'),
      done: count(kind, 'done'),
      failed: count(kind, 'failed'),
    });
    const due = rows.filter((row) => row.state === 'waiting' && this.#needsSettled(row)).map(({ dueMs }) => dueMs);
    const { nowMs } = this.#time;
    return {
      nowMs,
      counts: { blob: states('blob'), image: states('image'), destination: states('destination') },
      sent: rows.reduce((sum, { sent }) => sum + sent, 0),
      nextDueMs: due.length === 0 ? null : Math.max(nowMs, Math.min(...due)),
    };
  }

  #planned(item: LedgerItem, before: Row | undefined): Row {
    const meaning = ({ kind, blob, needs }: LedgerItem): string => JSON.stringify([kind, blob, needs]);
    if (before !== undefined && meaning(before.item) === meaning(item)) return { ...before, item };
    if (before?.state === 'done') this.#tell('reopened', before);
    const nothing = { result: null, failure: null, startedMs: null, endedMs: null, worker: null, token: null };
    return { item, state: 'waiting', attempts: 0, leaseMs: 0, dueMs: 0, sent: 0, ...nothing };
  }

  #passTime(): void {
    for (const row of this.#rows.values()) {
      if (row.state !== 'claimed' || row.leaseMs > this.#time.nowMs) continue;
      this.#tell('released', row);
      Object.assign(row, { state: 'waiting', token: null, worker: null });
    }
  }

  #giveBack(row: Row): void {
    this.#tell('released', row);
    row.attempts -= 1;
    Object.assign(row, { state: 'waiting', token: null, worker: null });
    if (row.attempts === 0) row.startedMs = null;
  }

  #reopen(row: Row): void {
    this.#tell('reopened', row);
    const nothing = { result: null, startedMs: null, endedMs: null, worker: null, token: null };
    Object.assign(row, { state: 'waiting', attempts: 0, dueMs: 0, sent: 0, ...nothing });
  }

  #held(token: Token): Row {
    const row = [...this.#rows.values()].find((one) => one.token === token && one.state === 'claimed');
    if (row !== undefined && row.leaseMs > this.#time.nowMs) return row;
    throw engineError('LEASE_LOST', 'lost', { key: token });
  }

  #inOrder(): Row[] {
    return [...this.#rows.values()].toSorted(
      ({ item: a }, { item: b }) => a.rank - b.rank || (a.kind < b.kind ? -1 : a.kind > b.kind ? 1 : 0),
    );
  }

  #isReady(row: Row): boolean {
    return row.state === 'waiting' && row.dueMs <= this.#time.nowMs && this.#needsSettled(row);
  }

  #needsSettled({ item }: Row): boolean {
    return item.needs.every((key) => this.#isSettled(key));
  }

  #isSettled(key: string): boolean {
    return ['done', 'failed'].includes(this.#rows.get(key)!.state);
  }

  #ended(key: string): Claim['needs'][number] {
    const { state, result, failure } = this.#rows.get(key)!;
    return { key, result, failure: state === 'failed' ? failure : null };
  }

  #known({ blob }: LedgerItem): BlobResult | null {
    return blob === null ? null : (this.#blobs.get(`${blob.digest} ${blob.profile}`)?.result ?? null);
  }

  #tell(type: LedgerEvent['type'], row: Row | null, facts: Partial<LedgerEvent> = {}): void {
    this.#events.push({
      number: this.#events.length + 1,
      atMs: this.#time.nowMs,
      type,
      key: row?.item.key ?? null,
      kind: row?.item.kind ?? null,
      worker: row?.worker ?? null,
      attempt: row?.attempts ?? 0,
      bytes: 0,
      failure: null,
      ...facts,
    });
  }
}
