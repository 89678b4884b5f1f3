import type { ErrorCode } from '../../errors/codes.ts';
import type { Digest } from '../../identity/digest.ts';

/** JSON, as the ledger keeps it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * The durable record of one batch: what is to be done, who is at it, what came of it. Every call is one transaction; calls
 * that only write are grouped for up to 50 ms and resolve when they are durable. Time is the ledger's own clock, in
 * milliseconds since 1970. A result or failure that comes with a lease that has run out, or was taken over, is refused with
 * LEASE_LOST: who gets that forgets the item.
 */
export interface Ledger extends AsyncDisposable {
  /** What a person is told: a path, a database without its password. */
  readonly location: string;
  /**
   * Makes this the plan of the ledger. Items that it had keep their state and results, whatever `data` says of them now; failed ones,
   * those that somebody was at, and those with other needs wait again; items that are not in the plan any more are dropped.
   */
  open(plan: LedgerPlan): Promise<void>;
  /** The plan as it was opened; null for a new ledger. */
  plan(): Promise<LedgerPlan | null>;
  /**
   * Up to `count` items that can be done now: of the first of these kinds first, in each by `rank`; those that wait, whose
   * time has come, and whose needs are all settled (done, or failed for good). They are this worker's for `leaseMs`; once
   * that is over they wait again.
   */
  claim(worker: string, kinds: readonly ItemKind[], count: number, leaseMs: number): Promise<Claim[]>;
  extend(token: Token, leaseMs: number): Promise<void>;
  /**
   * Records the result; of a blob (by digest and profile) the first result is the result, whoever brings another: answered
   * is what is recorded. Completing again with the token of the completed item answers the same.
   */
  complete(token: Token, result: ItemResult): Promise<ItemResult>;
  /** One that may pass waits again, until `retryAfterMs` from now; without that it has failed for good. */
  fail(token: Token, failure: Failure, retryAfterMs?: number): Promise<void>;
  /** Gives an item back as it was before the claim. */
  release(token: Token): Promise<void>;
  /** Done or failed items wait again: the destination has lost them. */
  reopen(keys: readonly string[]): Promise<void>;
  /** What packing gave, for this digest and profile; null when nobody has done it. */
  blobResult(digest: Digest, profile: string): Promise<BlobResult | null>;
  /** All of them, for a run that goes on. */
  blobResults(): Promise<{ digest: Digest; profile: string; result: BlobResult }[]>;
  /** Facts about the run as a whole that are no items: what a destination was when it was finished. */
  note(key: string, value: Json): Promise<void>;
  notes(): Promise<ReadonlyMap<string, Json>>;
  /** What has happened after the event of this number, oldest first, `most` at once (10,000 without it). */
  events(since: number, most?: number): Promise<LedgerEvent[]>;
  /** Every item with its state, by rank. */
  items(kind?: ItemKind): Promise<LedgerRow[]>;
  summary(): Promise<Summary>;
  /** Writes what is waiting, and lets others in. */
  close(): Promise<void>;
}

export type ItemKind = 'blob' | 'image' | 'destination';

/** What an item is: the ledger knows order and needs, and keeps `data` for those who do the work. */
export interface LedgerItem {
  key: string;
  kind: ItemKind;
  /** Lower ones are claimed first; unique among the items of a kind. */
  rank: number;
  /** Bytes of work, for progress and estimates. */
  bytes: number;
  /** Keys of items that must be settled before. */
  needs: readonly string[];
  /** Of a blob: what results are recorded under. */
  blob: { digest: Digest; profile: string } | null;
  data: Json;
}

export interface LedgerPlan {
  /** sha256 of the batch: another batch is another ledger. */
  id: string;
  /** The plan, for those who read the ledger. */
  data: Json;
  items: readonly LedgerItem[];
}

/** Of one claim of one item; a later claim of the same item has another. */
export type Token = string;

export interface Claim {
  token: Token;
  item: LedgerItem;
  /** 1 for the first time. */
  attempt: number;
  /** How what it needs has ended. */
  needs: readonly { key: string; result: ItemResult | null; failure: Failure | null }[];
  /** Of a blob: what somebody else found it to be, packed by this profile. */
  known: BlobResult | null;
}

/** The blob that came of a source digest and a profile. */
export interface BlobResult {
  digest: Digest;
  size: number;
  diffId: Digest;
}

/** What came of an item: of a blob always `blob`; the rest is for reports and for whoever goes on. */
export interface ItemResult {
  blob: BlobResult | null;
  /** Bytes that were sent or written. */
  sent: number;
  /** Milliseconds by stage. */
  stages: Stages;
  data: Json;
}

/** Milliseconds of work by what was done, over all threads; `wait` is for others, a turn or a host. */
export type Stages = Partial<Record<(typeof STAGES)[number], number>>;

export const STAGES = ['read', 'inflate', 'hash', 'compress', 'write', 'wait'] as const;

/** `passing`: the same may go well later. `permanent`: it will not. `resource`: the machine has not enough of something. */
export type FailureClass = 'passing' | 'permanent' | 'resource';

export interface Failure {
  class: FailureClass;
  code: ErrorCode;
  message: string;
  details: Json;
}

export type ItemState = 'waiting' | 'claimed' | 'done' | 'failed';

export interface LedgerRow {
  item: LedgerItem;
  state: ItemState;
  attempts: number;
  result: ItemResult | null;
  /** The last one, also of an item that waits for another attempt or has gone well since. */
  failure: Failure | null;
  /** When it was first claimed, and when it was settled; milliseconds since 1970. */
  startedMs: number | null;
  endedMs: number | null;
}

export interface LedgerEvent {
  /** Grows by at least one with each event. */
  number: number;
  atMs: number;
  type: 'opened' | 'claimed' | 'done' | 'failed' | 'retry' | 'released' | 'reopened' | 'dropped';
  /** Null for `opened`. */
  key: string | null;
  kind: ItemKind | null;
  worker: string | null;
  attempt: number;
  /** Of `done`: bytes that were sent or written. */
  bytes: number;
  failure: Failure | null;
}

export interface Summary {
  nowMs: number;
  /** Items and their bytes by kind and state. */
  counts: Readonly<Record<ItemKind, Readonly<Record<ItemState, { items: number; bytes: number }>>>>;
  /** Bytes that were sent or written. */
  sent: number;
  /** When the next waiting item may be claimed, of those whose needs are settled: not before `nowMs`; null when there is none. */
  nextDueMs: number | null;
}
