import { loadSettings } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { packageVersion } from '../config/defaults.ts';
import { asEngineError } from '../errors/wire.ts';
import { type GlobalOptions, type Request, parseCommand } from './command.ts';
import type { EarlyPool } from './early-pool.ts';
import type { EarlyLook } from './early.ts';
import { EXIT, type ExitCode, exitCodeOf } from './exit-codes.ts';
import { failureLine, failureText } from './failure.ts';
import { Output } from './output.ts';
import { openSession } from './session.ts';
import { type Interruption, watchSignals } from './signals.ts';

/** Runs what the arguments say, and answers the exit code. Never throws: every failure is told here. */
export async function runProgram(
  args: readonly string[],
  early: EarlyLook,
  earlyPool: EarlyPool | null,
): Promise<ExitCode> {
  const out = new Output(process.stdout);
  const tell = (line: string): void => void process.stderr.write(`${line}\n`);
  // stderr may be closed too; there is nobody left to tell then.
  process.stderr.on('error', () => {});
  const interruption = watchSignals(tell);
  let debug = false;
  const failed = (thrown: unknown): ExitCode => {
    const error = asEngineError(thrown);
    const code = error.kind === 'Cancelled' ? interruption.code() : null;
    if (code !== null) return code;
    tell(failureText(error, { source: null, ref: null }, debug));
    if (early.json) out.json(failureLine(error, { source: null, ref: null }));
    return exitCodeOf(error, 'before');
  };
  process.on('uncaughtException', (thrown) => process.exit(failed(thrown)));
  try {
    const parsed = await parseCommand(args, early.verb, {
      version: packageVersion(),
      out: (text) => out.line(text.trimEnd()),
      err: (text) => tell(text.trimEnd()),
    });
    if (parsed.is === 'misused' && early.json) out.json(failureLine(parsed.error, { source: null, ref: null }));
    if (parsed.is === 'misused') return EXIT.refused;
    if (parsed.is === 'answered') return EXIT.done;
    const settings = await settingsOf(parsed.request.globals);
    debug = settings.log.level === 'debug';
    return await runVerb(parsed.request, settings, { out, interruption, earlyPool, fetches: early.fetches });
  } catch (error) {
    return failed(error);
  } finally {
    await earlyPool?.pool.close();
  }
}

interface Surroundings {
  out: Output;
  interruption: Interruption;
  earlyPool: EarlyPool | null;
  fetches: boolean;
}

async function runVerb(
  { verb, operands, options, globals }: Request,
  settings: Settings,
  around: Surroundings,
): Promise<ExitCode> {
  const { interruption, ...parts } = around;
  const { out } = parts;
  const json = globals.json === true || globals.format === 'json';
  const session = openSession({ settings, json, errors: process.stderr, signal: interruption.signal, ...parts });
  let code: ExitCode;
  try {
    code = await verb.run(session, operands, options);
  } finally {
    await session.close();
  }
  await out.flush();
  return interruption.code() ?? code;
}

/** What the person calls a setting that a flag gives. */
const FLAG_NAMES: ReadonlyMap<string, string> = new Map([
  ['root', '--root'],
  ['driver', '--driver'],
  ['jobs', '--jobs'],
  ['threads', '--threads'],
  ['log.level', '--log-level'],
  ['log.format', '--log-format'],
  ['progress', '--progress'],
  ['lockTimeout', '--lock-timeout'],
  ['durability', '--durability'],
]);

async function settingsOf(globals: GlobalOptions): Promise<Settings> {
  const { config, quiet = false, adopt = false } = globals;
  const { root, driver, jobs, threads, lockTimeout, durability } = globals;
  const level = globals.logLevel ?? (quiet ? 'error' : undefined);
  const flags = {
    ...given({ root, driver, jobs, threads, lockTimeout, durability }),
    ...given({ progress: globals.progress ?? (quiet ? 'none' : undefined) }),
    log: given({ level, format: globals.logFormat }),
  };
  return loadSettings({ config, adopt, flags, flagNames: FLAG_NAMES });
}

const given = (options: Record<string, string | undefined>): object =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
