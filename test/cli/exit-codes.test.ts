import { describe, expect, it } from 'vitest';
import { EXIT, type ExitCode, type Stage, combineExitCodes, exitCodeOf } from '../../src/cli/exit-codes.ts';
import { type ErrorCode, type ErrorDetails, KIND_OF } from '../../src/errors/codes.ts';
import { engineError } from '../../src/errors/kinds.ts';

const of = <Code extends ErrorCode>(code: Code, stage: Stage, details = {} as ErrorDetails[Code]): ExitCode =>
  exitCodeOf(engineError(code, 'x', details), stage);

describe('the exit code of one failure', () => {
  it.each<[ErrorCode, before: ExitCode, image: ExitCode]>([
    ['INVALID_ARGUMENT', 2, 3],
    ['INVALID_SETTING', 2, 3],
    ['NOT_AN_IMAGE', 2, 3],
    ['NOT_A_STORE', 2, 3],
    ['TERMINAL_OUTPUT', 2, 3],
    ['IMAGE_NOT_FOUND', 2, 3],
    ['FILE_NOT_FOUND', 2, 3],
    ['ID_AMBIGUOUS', 2, 3],
    ['STORE_LOCKED', 2, 2],
    ['STORE_READ_ONLY', 2, 2],
    ['IMAGE_ID_TAKEN', 2, 3],
    ['DRIVER_UNKNOWN', 2, 3],
    ['TAR_INVALID', 3, 3],
    ['DIGEST_MISMATCH', 3, 3],
    ['DIFF_ID_MISMATCH', 3, 3],
    ['LIMIT_EXCEEDED', 3, 3],
    ['REMOTE_FAILED', 4, 4],
    ['REGISTRY_UNREACHABLE', 4, 4],
    ['REGISTRY_RATE_LIMITED', 4, 4],
    ['REGISTRY_UNAVAILABLE', 4, 4],
    ['REGISTRY_UNAUTHORIZED', 3, 3],
    ['REGISTRY_UNTRUSTED', 3, 3],
    ['REGISTRY_REFUSED', 3, 3],
    ['REGISTRY_PROTOCOL', 3, 3],
    ['MANIFEST_NOT_PRESERVED', 5, 5],
    ['NO_SPACE', 6, 6],
    ['TOO_MANY_FILES', 6, 6],
    ['TASK_OUT_OF_MEMORY', 6, 6],
    ['PERMISSION_DENIED', 2, 3],
    ['CANCELLED', 130, 130],
    ['TASK_CRASHED', 1, 1],
    ['INTERNAL', 1, 1],
  ])('%s: %i before anything was tried, %i for an image', (code, before, image) => {
    expect([of(code, 'before'), of(code, 'image')]).toEqual([before, image]);
  });

  it('is never 0, whatever the error', () => {
    const codes = Object.keys(KIND_OF) as ErrorCode[];
    expect(codes.filter((code) => of(code, 'before') === 0 || of(code, 'image') === 0)).toEqual([]);
  });

  it('tells remote failures that may pass from those that will not', () => {
    const remote = (status?: number): ExitCode =>
      of('REMOTE_FAILED', 'image', { host: 'h', ...(status === undefined ? {} : { status }) });
    expect([remote(), remote(429), remote(408), remote(503), remote(401), remote(404)]).toEqual([4, 4, 4, 4, 3, 3]);
  });
});

describe('the exit code of several outcomes', () => {
  it.each<[ExitCode[], ExitCode]>([
    [[], 0],
    [[0, 0], 0],
    [[0, 3], 3],
    [[3, 4], 3],
    [[4, 0], 4],
    [[3, 6, 4], 6],
    [[6, 5], 5],
    [[5, 130], 130],
    [[143, 6], 143],
    [[130, 1], 1],
    [[2], 2],
    [[2, 2], 2],
    [[2, 0], 3],
    [[2, 4], 3],
    [[2, 6], 6],
  ])('%j is %i', (codes, expected) => {
    expect(combineExitCodes(codes)).toBe(expected);
  });

  it('knows every code', () => {
    for (const code of Object.values(EXIT)) expect(combineExitCodes([code])).toBe(code);
  });
});
