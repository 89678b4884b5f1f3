import { engineError } from '../../errors/kinds.ts';
import type { EngineError } from '../../errors/engine-error.ts';
import { quoted } from '../../image/strict-json.ts';

/** Where something is in a document: `['sync', 0, 'source']`. */
export type Path = readonly (string | number)[];

export interface Problem {
  path: Path;
  /** From 1; null when nobody knows. */
  line: number | null;
  message: string;
}

/** So many are told at once; whoever mends them will see the rest. */
const MOST_TOLD = 20;

/** `sync[0].tags.allow`. */
export function keyText(path: Path): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${part}`))
    .join('');
}

/** The error for all that is wrong with a file. */
export function jobFileInvalid(file: string, problems: readonly Problem[]): EngineError {
  const told = problems.slice(0, MOST_TOLD).map(({ path, line, message }) => {
    return { key: keyText(path), ...(line === null ? {} : { line }), message };
  });
  const texts = told.map(({ line, message }) => `${line === undefined ? '' : `line ${line}: `}${message}`);
  const rest = problems.length - told.length;
  const message = `${quoted(file)}: ${[...texts, ...(rest > 0 ? [`and ${rest} more`] : [])].join('; ')}`;
  const { key = '', line } = told[0] ?? {};
  const details = {
    file,
    key,
    ...(line === undefined ? {} : { line }),
    problems: told,
    ...(rest > 0 ? { more: rest } : {}),
  };
  return engineError('JOB_FILE_INVALID', message, details);
}
