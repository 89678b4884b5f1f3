import { type ErrorCode, type ErrorDetails, KIND_OF } from './codes.ts';
import { engineError, isEngineError } from './kinds.ts';
import type { EngineError } from './engine-error.ts';
import { fromSystemError } from './system-error.ts';

/** An error as plain data: what crosses a thread boundary, and what `--json` prints (without the stack). */
export interface WireError {
  code: ErrorCode;
  message: string;
  details: ErrorDetails[ErrorCode];
  stack?: string;
  cause?: string;
}

/** Describes any thrown value; what is not an EngineError becomes its coded equivalent first. */
export function toWire(thrown: unknown): WireError {
  const error = asEngineError(thrown);
  const wire: WireError = { code: error.code, message: error.message, details: error.details };
  if (error.stack !== undefined) wire.stack = error.stack;
  if (error.cause instanceof Error) wire.cause = error.cause.stack ?? error.cause.message;
  return wire;
}

/** Revives a described error in its own class, with the stack of the thread it was thrown in on top. */
export function fromWire(wire: WireError): EngineError {
  const code: ErrorCode = wire.code in KIND_OF ? wire.code : 'INTERNAL';
  const error = engineError(code, wire.message, wire.details, wire.cause);
  if (wire.stack !== undefined) error.stack = `${wire.stack}\n    -- thread boundary --\n${error.stack ?? ''}`;
  return error;
}

/** Any thrown value as an EngineError: ours as it is, Node's system errors by their errno, the rest as INTERNAL. */
export function asEngineError(thrown: unknown): EngineError {
  if (isEngineError(thrown)) return thrown;
  const system = fromSystemError(thrown);
  if (system !== undefined) return system;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const error = engineError('INTERNAL', message, {}, thrown);
  if (thrown instanceof Error && thrown.stack !== undefined) error.stack = thrown.stack;
  return error;
}
