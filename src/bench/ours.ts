import type { ErrorDetails } from '../errors/codes.ts';
import { type ErrorCode, KIND_OF } from '../errors/codes.ts';
import { engineError } from '../errors/kinds.ts';
import { type Command, measure } from './measure.ts';

/** A layermill to measure. */
export interface Program {
  /** What it is called in results: `layermill`, or which of two versions. */
  label: string;
  /** What starts it: the interpreter and the script. */
  command: readonly string[];
  /** Options for every measured run: driver, durability, … */
  options: readonly string[];
}

/** One document of what a run printed with `--json`. */
export type Line = Readonly<Record<string, unknown>>;

/** A command of layermill on a store. */
export function layermill(
  { command, options }: Program,
  store: string,
  threads: number | null,
  ...words: readonly string[]
): Command {
  const many = threads === null ? [] : ['--threads', String(threads)];
  return { args: [...command, '--root', store, ...many, ...options, '--json', '--progress', 'none', ...words] };
}

/** Runs layermill outside the clock. Throws what went wrong in it. */
export async function runOurs(program: Program, signal: AbortSignal | undefined, command: Command): Promise<Line[]> {
  const { code, stdout, stderr } = await measure(command, signal);
  if (code !== 0) throw failureOf(program, stdout, stderr, code);
  return linesOf(stdout);
}

export function linesOf(printed: string): Line[] {
  const text = printed.trim();
  return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line) as Line);
}

/** The error that a failed run printed, so that it is told, and counted in the exit code, as if it had happened here. */
export function failureOf({ label }: Program, printed: string, stderr: string, code: number | null): Error {
  const failure = printed
    .trim()
    .split('\n')
    .map(errorIn)
    .find((error) => error !== null);
  if (failure !== undefined && failure !== null) return failure;
  const last = stderr.trim().split('\n').at(-1) ?? '';
  return engineError('INTERNAL', `a run of ${label} ended with exit code ${code ?? 'of a signal'}: ${last}`, {
    where: 'bench',
  });
}

function errorIn(line: string): Error | null {
  try {
    const { error } = JSON.parse(line) as { error?: { code: string; message: string; details: object } | null };
    if (error === undefined || error === null || !Object.hasOwn(KIND_OF, error.code)) return null;
    const code = error.code as ErrorCode;
    return engineError(code, error.message, error.details as ErrorDetails[ErrorCode]);
  } catch {
    return null;
  }
}
