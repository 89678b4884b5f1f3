import { engineError } from '../errors/kinds.ts';
import type { EngineError } from '../errors/engine-error.ts';
import type { Bytes } from '../system/system.ts';
import { shownName } from './shown-name.ts';

/** The header at byte `offset` of the tar stream, or what belongs to it, breaks the format. */
export function tarInvalid(reason: string, offset: number, entry?: Bytes): EngineError {
  return engineError(
    'TAR_INVALID',
    `malformed tar at byte ${offset}${of(entry)}: ${reason}; the layer is damaged or no tar: fetch or save it again`,
    entry === undefined ? { offset } : { offset, entry: shownName(entry) },
  );
}

/** The tar stream ended at byte `offset`, inside a header or a body. */
export function tarTruncated(what: string, offset: number, entry?: Bytes): EngineError {
  return engineError(
    'TAR_TRUNCATED',
    `the tar ends at byte ${offset}${of(entry)}, inside ${what}; it was cut short: fetch or save it again`,
    entry === undefined ? { offset } : { offset, entry: shownName(entry) },
  );
}

/** Something in the tar costs more than `limit` allows. */
export function tarOverLimit(limit: string, allowed: number, what: string, entry?: Bytes): EngineError {
  return engineError(
    'LIMIT_EXCEEDED',
    `${what}${of(entry)}: more than the limit ${limit} = ${allowed}`,
    entry === undefined ? { limit, allowed } : { limit, allowed, entry: shownName(entry) },
  );
}

function of(entry: Bytes | undefined): string {
  return entry === undefined ? '' : ` (entry "${shownName(entry)}")`;
}
