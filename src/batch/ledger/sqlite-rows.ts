import type { ErrorCode } from '../../errors/codes.ts';
import type { Digest } from '../../identity/digest.ts';
import { invalidLedger } from './sqlite-failure.ts';
import type { BlobResult, Failure, FailureClass, ItemKind, ItemResult, ItemState, LedgerItem } from './ledger.ts';

/** Columns of `items` and `content` that make an item; the tables are called `i` and `c`. */
export const ITEM_COLUMNS = 'i.number, i.key, i.kind, i.rank, i.bytes, c.digest, c.profile, c.data';

export interface ItemRow {
  number: number;
  key: string;
  kind: ItemKind;
  rank: number;
  bytes: number;
  digest: Digest | null;
  profile: string | null;
  data: string;
}

/** Columns of `outcomes`, which is called `o`; all are null where there is none. */
export const OUTCOME_COLUMNS = 'o.result, o.failure_class, o.failure_code, o.failure_message, o.failure_details';

export interface OutcomeRow {
  result: string | null;
  failure_class: FailureClass | null;
  failure_code: ErrorCode | null;
  failure_message: string | null;
  failure_details: string | null;
}

export interface StateRow {
  state: ItemState;
  attempts: number;
  started_ms: number | null;
  ended_ms: number | null;
}

export interface BlobRow {
  result_digest: Digest;
  result_size: number;
  result_diff_id: Digest;
}

/** Rows of the ledger at `path` as what they stand for. What a stranger has changed in it throws LEDGER_INVALID. */
export class RowReader {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  json<Value>(text: string): Value {
    try {
      return JSON.parse(text) as Value;
    } catch (error) {
      throw invalidLedger(this.#path, 'somebody has changed it', error);
    }
  }

  item(row: ItemRow, needs: readonly string[]): LedgerItem {
    const { key, kind, rank, bytes, digest, profile } = row;
    const blob = digest === null || profile === null ? null : { digest, profile };
    return { key, kind, rank, bytes, needs, blob, data: this.json(row.data) };
  }

  result(row: OutcomeRow): ItemResult | null {
    return row.result === null ? null : this.json(row.result);
  }

  failure(row: OutcomeRow): Failure | null {
    const { failure_class, failure_code, failure_message, failure_details } = row;
    if (failure_class === null || failure_code === null) return null;
    const details = this.json<Failure['details']>(failure_details ?? 'null');
    return { class: failure_class, code: failure_code, message: failure_message ?? '', details };
  }
}

export function blobOf(row: BlobRow): BlobResult {
  return { digest: row.result_digest, size: row.result_size, diffId: row.result_diff_id };
}
