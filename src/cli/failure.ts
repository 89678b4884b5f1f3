import type { EngineError } from '../errors/engine-error.ts';
import { hasCode } from '../errors/kinds.ts';
import { printable } from '../reporting/printable.ts';
import { hintFor } from '../reporting/hints.ts';

/** Where a failure happened, as far as that is known. */
export interface FailedAt {
  /** What the person wrote: a source, an archive. */
  source: string | null;
  /** The image in it, or the name that was looked for. */
  ref: string | null;
}

/** A failure as `--json` prints it. */
export interface FailureLine extends FailedAt {
  error: { code: string; message: string; details: unknown };
}

export function failureLine(error: EngineError, at: FailedAt): FailureLine {
  const { code, message, details } = error;
  return { source: at.source, ref: at.ref, error: { code, message, details } };
}

/** A failure for people: what happened, and how to go on. The stack is for those who debug layermill. */
export function failureText(error: EngineError, at: FailedAt, withStack: boolean): string {
  // What could not be listed has no name but its own.
  const ref = at.ref === at.source ? null : at.ref;
  const where = [at.source, ref].filter((part) => part !== null && part !== '').map((part) => printable(part!));
  const problems = problemsIn(error);
  const message = problems.length > 1 ? 'more than one thing is wrong:' : printable(error.message);
  const lines = [`layermill: ${where.length > 0 ? `${where.join(' ')}: ` : ''}${message}`];
  if (problems.length > 1) lines.push(...problems.map((text) => `  ${printable(text)}`));
  const hint = hintFor(error.code);
  if (hint !== undefined) lines.push(`  ${hint}`);
  if (withStack)
    lines.push(
      ...stackOf(error)
        .split('\n')
        .map((line) => `  ${printable(line)}`),
    );
  return lines.join('\n');
}

/** A file may have many, and each is mended by itself. */
function problemsIn(error: EngineError): string[] {
  if (!hasCode(error, 'JOB_FILE_INVALID')) return [];
  const { file, problems = [], more } = error.details;
  const texts = problems.map(({ line, message }) => `${file}${line === undefined ? '' : `:${line}`}: ${message}`);
  return more === undefined ? texts : [...texts, `and ${more} more`];
}

function stackOf(error: Error): string {
  const own = `${error.name}: ${error.stack ?? error.message}`;
  const { cause } = error;
  if (cause instanceof Error) return `${own}\ncaused by ${stackOf(cause)}`;
  return typeof cause === 'string' ? `${own}\ncaused by ${cause}` : own;
}
