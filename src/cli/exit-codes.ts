import type { ErrorCode, ErrorKind } from '../errors/codes.ts';
import type { EngineError } from '../errors/engine-error.ts';
import { isPassing } from '../errors/passing.ts';

/** What the exit code of the program says; scripts decide by it. */
export const EXIT = {
  done: 0,
  /** A bug in layermill. */
  bug: 1,
  /** Nothing was tried: usage, settings, unknown or ambiguous names, conflicts, a locked or foreign store. */
  refused: 2,
  /** At least one image was tried and failed for good. */
  failed: 3,
  /** As `failed`, but every failure may pass. */
  mayPass: 4,
  /** What was promised to stay equal would not, or did not. */
  mismatch: 5,
  /** Space, descriptors or memory ran out. */
  resource: 6,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Whether work on an image had begun when it failed. */
export type Stage = 'before' | 'image';

const BY_KIND: Record<ErrorKind, Record<Stage, ExitCode>> = {
  InvalidInput: { before: EXIT.refused, image: EXIT.failed },
  NotFound: { before: EXIT.refused, image: EXIT.failed },
  Conflict: { before: EXIT.refused, image: EXIT.failed },
  Driver: { before: EXIT.refused, image: EXIT.failed },
  Integrity: { before: EXIT.failed, image: EXIT.failed },
  Archive: { before: EXIT.failed, image: EXIT.failed },
  Remote: { before: EXIT.mayPass, image: EXIT.mayPass },
  // A limit, a permission or a read-only disk is about this image, not about the size of the machine.
  Resource: { before: EXIT.refused, image: EXIT.failed },
  Cancelled: { before: EXIT.interrupted, image: EXIT.interrupted },
  Internal: { before: EXIT.bug, image: EXIT.bug },
};

/** Codes that mean the same whatever was going on. */
const BY_CODE: { readonly [Code in ErrorCode]?: ExitCode } = {
  MANIFEST_NOT_PRESERVED: EXIT.mismatch,
  CHANGE_NOT_ALLOWED: EXIT.mismatch,
  RESULTS_DIFFER: EXIT.mismatch,
  NO_SPACE: EXIT.resource,
  TOO_MANY_FILES: EXIT.resource,
  TASK_OUT_OF_MEMORY: EXIT.resource,
  TAG_MOVED: EXIT.mismatch,
  PLAN_DOES_NOT_FIT: EXIT.resource,
  LIMIT_EXCEEDED: EXIT.failed,
  // The store itself says no: no image is tried, whenever it says so.
  STORE_LOCKED: EXIT.refused,
  STORE_READ_ONLY: EXIT.refused,
  STORE_IN_USE: EXIT.refused,
  // So does whoever looks after the machine.
  REGISTRY_BLOCKED: EXIT.refused,
};

export function exitCodeOf(error: EngineError, stage: Stage): ExitCode {
  const known = BY_CODE[error.code];
  if (known === undefined && error.kind === 'Remote' && !isPassing(error)) return EXIT.failed;
  return known ?? BY_KIND[error.kind][stage];
}

/** The worst first. */
const RANK: readonly ExitCode[] = [
  EXIT.bug,
  EXIT.interrupted,
  EXIT.terminated,
  EXIT.mismatch,
  EXIT.resource,
  EXIT.failed,
  EXIT.mayPass,
  EXIT.refused,
  EXIT.done,
];

/**
 * One code for several outcomes. `refused` says that nothing was tried, so beside any other outcome, a success too,
 * it counts as `failed`.
 */
export function combineExitCodes(codes: readonly ExitCode[]): ExitCode {
  const distinct = new Set(codes);
  if (distinct.size > 1 && distinct.delete(EXIT.refused)) distinct.add(EXIT.failed);
  return RANK.find((code) => distinct.has(code)) ?? EXIT.done;
}
