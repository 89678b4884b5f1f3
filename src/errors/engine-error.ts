import { type ErrorCode, type ErrorDetails, type ErrorKind, KIND_OF } from './codes.ts';

/**
 * Every error that layermill raises on purpose. `code` says exactly what happened and decides everything a caller
 * does about it; `message` is for people only; `details` are JSON values whose shape depends on the code.
 */
export abstract class EngineError<Code extends ErrorCode = ErrorCode> extends Error {
  readonly code: Code;
  readonly details: ErrorDetails[Code];

  constructor(code: Code, message: string, details: ErrorDetails[Code], options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.details = details;
    this.name = new.target.name;
  }

  get kind(): ErrorKind {
    return KIND_OF[this.code];
  }
}
