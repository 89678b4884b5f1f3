import { lookEarly } from './early.ts';
import { VERBS } from './verbs.ts';

/** Runs the program; resolves to its exit code. */
export async function start(args: readonly string[]): Promise<number> {
  const early = lookEarly(args, process.env);
  // The threads need about 60 ms to start. They begin before everything else, which is loaded meanwhile.
  const startsThreads =
    early.verb !== null && Object.hasOwn(VERBS, early.verb) && VERBS[early.verb]!.threads && !early.fetches;
  const pool =
    startsThreads && early.threads !== null ? (await import('./early-pool.ts')).startEarlyPool(early.threads) : null;
  const { runProgram } = await import('./program.ts');
  return runProgram(args, early, pool);
}
