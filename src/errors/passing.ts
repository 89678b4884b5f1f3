import type { ErrorCode } from './codes.ts';
import type { EngineError } from './engine-error.ts';
import { hasCode } from './kinds.ts';

/** Asking again will not change what these registries say. */
const FINAL: ReadonlySet<ErrorCode> = new Set([
  'REGISTRY_UNAUTHORIZED',
  'REGISTRY_UNTRUSTED',
  'REGISTRY_REFUSED',
  'REGISTRY_PROTOCOL',
]);

/** Whether the same may go well later without anybody mending anything: the network, or a server that is busy or down. */
export function isPassing(error: EngineError): boolean {
  if (error.kind !== 'Remote' || FINAL.has(error.code)) return false;
  return !(hasCode(error, 'REMOTE_FAILED') && isFinalStatus(error.details.status));
}

/** An answer that asking again will not change: a client error other than "slow down" and "you took too long". */
function isFinalStatus(status: number | undefined): boolean {
  return status !== undefined && status >= 400 && status < 500 && status !== 408 && status !== 429;
}
