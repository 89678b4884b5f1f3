import { EXIT, type ExitCode } from './exit-codes.ts';

const CODE_OF = { SIGINT: EXIT.interrupted, SIGTERM: EXIT.terminated } as const;

export interface Interruption {
  /** Aborts at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** The exit code of the signal that came; null when none did. */
  code(): ExitCode | null;
}

/**
 * Lets the first signal cancel the work, so that everything unfinished is taken away; the second one ends the process
 * at once, and leaves what it left to the next run's recovery.
 */
export function watchSignals(tell: (line: string) => void): Interruption {
  const controller = new AbortController();
  let code: ExitCode | null = null;
  const onSignal = (name: NodeJS.Signals): void => {
    const mine = CODE_OF[name as keyof typeof CODE_OF];
    if (code !== null) process.exit(mine);
    code = mine;
    tell(`layermill: ${name}: stopping and cleaning up; once more ends it at once`);
    controller.abort();
  };
  for (const name of Object.keys(CODE_OF)) process.on(name, onSignal);
  return { signal: controller.signal, code: () => code };
}
