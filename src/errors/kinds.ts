import { type ErrorCode, type ErrorDetails, type ErrorKind, KIND_OF } from './codes.ts';
import { EngineError } from './engine-error.ts';

/** What was asked for cannot be done as it was said: usage, settings, names, a store that is not ours. */
export class InvalidInputError extends EngineError {}
/** The image, tag, parent or file does not exist. */
export class NotFoundError extends EngineError {}
/** Something that exists already says otherwise: a taken id or tag, children, an ambiguous prefix, a lock. */
export class ConflictError extends EngineError {}
/** Bytes are not what their digest, DiffID or size promised. */
export class IntegrityError extends EngineError {}
/** A tar, a compressed stream, an archive or an image's JSON is malformed or hostile. */
export class ArchiveError extends EngineError {}
/** The storage driver could not do its part. */
export class DriverError extends EngineError {}
/** A remote service failed. */
export class RemoteError extends EngineError {}
/** The machine or a limit said no: space, descriptors, memory, a configured bound. */
export class ResourceError extends EngineError {}
/** The caller's AbortSignal, or the end of the process, stopped the work. */
export class CancelledError extends EngineError {}
/** A bug in layermill. */
export class InternalError extends EngineError {}

type ErrorClass = new (
  code: ErrorCode,
  message: string,
  details: ErrorDetails[ErrorCode],
  options?: { cause?: unknown },
) => EngineError;

const CLASS_OF: Record<ErrorKind, ErrorClass> = {
  InvalidInput: InvalidInputError,
  NotFound: NotFoundError,
  Conflict: ConflictError,
  Integrity: IntegrityError,
  Archive: ArchiveError,
  Driver: DriverError,
  Remote: RemoteError,
  Resource: ResourceError,
  Cancelled: CancelledError,
  Internal: InternalError,
};

/** Makes the error of a code, in the class of its kind. Throw what it returns. */
export function engineError<Code extends ErrorCode>(
  code: Code,
  message: string,
  details: ErrorDetails[Code],
  cause?: unknown,
): EngineError {
  return new CLASS_OF[KIND_OF[code]](code, message, details, cause === undefined ? undefined : { cause });
}

export function isEngineError(error: unknown): error is EngineError {
  return error instanceof EngineError;
}

/** True when `error` is an EngineError with this code. */
export function hasCode<Code extends ErrorCode>(error: unknown, code: Code): error is EngineError<Code> {
  return error instanceof EngineError && error.code === code;
}
