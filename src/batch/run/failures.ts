import type { EngineError } from '../../errors/engine-error.ts';
import { engineError, hasCode } from '../../errors/kinds.ts';
import { isPassing } from '../../errors/passing.ts';
import { asEngineError } from '../../errors/wire.ts';
import type { Failure, FailureClass, Json } from '../ledger/ledger.ts';
import type { Problem } from '../plan/plan.ts';

const FIRST_RETRY_MS = 2000;
const LONGEST_RETRY_MS = 300_000;

/** What the ledger records of an error. */
export function failureOf(thrown: unknown): Failure {
  const error = asEngineError(thrown);
  const { code, message, details } = error;
  return { class: classOf(error), code, message, details: details as Json };
}

function classOf(error: EngineError): FailureClass {
  if (isPassing(error)) return 'passing';
  const isShort = ['NO_SPACE', 'TOO_MANY_FILES', 'TASK_OUT_OF_MEMORY'].includes(error.code);
  return isShort ? 'resource' : 'permanent';
}

/**
 * When to try again, in milliseconds from now; undefined when it has failed for good. What the machine was short of may be
 * there again when others have ended, so that is tried once more.
 */
export function retryAfterMs(thrown: unknown, attempt: number, retries: number): number | undefined {
  const error = asEngineError(thrown);
  const kind = classOf(error);
  const times = kind === 'passing' ? retries : kind === 'resource' ? Math.min(1, retries) : 0;
  if (attempt > times) return undefined;
  const asked = hasCode(error, 'REGISTRY_RATE_LIMITED') ? (error.details.retryAfterSec ?? 0) * 1000 : 0;
  return Math.max(asked, Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 3 ** (attempt - 1)));
}

/** The error that a plan or an earlier failure speaks of. */
export function errorOf({ code, message, details }: Pick<Problem, 'code' | 'message' | 'details'>): Error {
  return engineError(code, message, details as never);
}
