import type { Command } from 'commander';
import type { ExitCode } from './exit-codes.ts';
import type { Session } from './session.ts';

/** A verb of the command line: one file in `commands/`, one line in `verbs.ts`. */
export interface Verb {
  /** Adds arguments, options and examples. */
  define(command: Command): void;
  /** Does it. A failure of the whole is thrown; failures of single images are told and counted in the exit code. */
  run(session: Session, operands: readonly string[], options: object): Promise<ExitCode>;
}

/** The examples at the end of a help text: what it does, and what to type. */
export function examples(...pairs: readonly (readonly [what: string, command: string])[]): string {
  const lines = pairs.map(([what, command]) => `  # ${what}\n  $ ${command}`);
  return `\nExamples:\n${lines.join('\n')}`;
}
