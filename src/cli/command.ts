import { Command, CommanderError, Option } from 'commander';
import type { EngineError } from '../errors/engine-error.ts';
import { engineError } from '../errors/kinds.ts';
import { printable } from '../reporting/printable.ts';
import type { Verb } from './verb.ts';
import { VERBS } from './verbs.ts';

/** What the person wants done. */
export interface Request {
  verb: Verb;
  operands: readonly string[];
  options: object;
  globals: GlobalOptions;
}

/** Options of every verb, as they were typed; the settings check them. */
export interface GlobalOptions {
  root?: string;
  driver?: string;
  jobs?: string;
  threads?: string;
  config?: string;
  logLevel?: string;
  logFormat?: string;
  progress?: string;
  quiet?: boolean;
  lockTimeout?: string;
  durability?: string;
  adopt?: boolean;
  json?: boolean;
  format?: string;
}

export interface Texts {
  version: string;
  /** Gets help and version. */
  out: (text: string) => void;
  /** Gets what is wrong with the arguments. */
  err: (text: string) => void;
}

/** `answered`: help or the version was asked for. `misused`: what is wrong was told already. */
export type Parsed = { is: 'request'; request: Request } | { is: 'answered' } | { is: 'misused'; error: EngineError };

/** Parses the arguments. Only the file of the verb that is meant is loaded. */
export async function parseCommand(args: readonly string[], verbName: string | null, texts: Texts): Promise<Parsed> {
  const requests: Request[] = [];
  const program = newProgram(texts, verbName !== null && Object.hasOwn(VERBS, verbName) ? VERBS[verbName]!.own : []);
  for (const [name, entry] of Object.entries(VERBS)) {
    const command = program.command(name).summary(entry.summary).description(sentence(entry.summary));
    if (name !== verbName && !(verbName === 'help' && args.includes(name))) continue;
    const verb = await entry.load();
    verb.define(command);
    command.addHelpText('after', '\nOptions of every command: `layermill --help`.');
    command.action(() => {
      requests.push({ verb, operands: command.args, options: command.opts(), globals: program.opts() });
    });
  }
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? { is: 'answered' } : { is: 'misused', error: usageError(error) };
  }
  return { is: 'request', request: requests[0]! };
}

function usageError(error: CommanderError): EngineError {
  const what = error.code === 'commander.help' ? 'no command given' : error.message.replace(/^error: /, '');
  return engineError('INVALID_ARGUMENT', what, { argument: error.code.replace(/^commander\./, '') });
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** `without`: options that are left to the verb. */
function newProgram(texts: Texts, without: readonly string[] = []): Command {
  const program = new Command('layermill')
    .description('Moves container images between archives, layouts, registries and its own store, with worker threads.')
    .usage('[options] <command> [arguments]')
    .version(texts.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show the help of a command')
    .exitOverride()
    .configureHelp({ sortOptions: false })
    .configureOutput({
      writeOut: texts.out,
      writeErr: texts.err,
      outputError: (text, write) =>
        write(
          `layermill: ${text
            .replace(/^error: /, '')
            .split('\n')
            .map(printable)
            .join('\n')}`,
        ),
    })
    .showHelpAfterError('  `layermill --help` lists the commands; `layermill COMMAND --help` shows how one is used');
  for (const option of globalOptions()) if (!without.includes(option.long!)) program.addOption(option);
  return program.addHelpText('after', OUTRO);
}

const OUTRO = `
Sources and destinations are written as skopeo writes them: docker-archive:PATH[:REF], oci:PATH[:REF],
oci-archive:PATH[:REF], dir:PATH, docker://HOST/NAME[:TAG]. Sources may also be docker-root:PATH and containers-root:PATH (data
directories), a bare path, or - for the standard input.
Settings may also stand in a file (--config) or in variables such as LAYERMILL_THREADS=4.

Examples:
  $ layermill import image.tar
  $ layermill images
  $ layermill export busybox --to oci:layout --compression zstd
  $ layermill copy a.tar b.tar oci:layout

Exit codes: 0 done; 1 bug; 2 nothing was tried; 3 an image failed; 4 it may pass later; 5 a mismatch; 6 out of
space, descriptors or memory; 130, 143 interrupted.`;

function globalOptions(): Option[] {
  return [
    new Option('--root <dir>', 'the store (default: /var/lib/layermill, or your data directory)'),
    new Option('--driver <name>', 'how layers are stored: auto, overlay2 or vfs'),
    new Option('-j, --jobs <n>', 'images at once'),
    new Option('--threads <n>', 'worker threads (default: the cores of the cgroup)'),
    new Option('--config <file>', 'a settings file, or a profile: fast, reproducible, small, untrusted'),
    new Option('--json', 'print results as JSON'),
    new Option('--format <form>', 'json is the same as --json').choices(['text', 'json']),
    new Option('--progress <style>', 'auto, bar, plain, json or none; on stderr'),
    new Option('-q, --quiet', 'no progress and no warnings'),
    new Option('--log-level <level>', 'error, warn, info or debug'),
    new Option('--log-format <form>', 'text or json'),
    new Option('--lock-timeout <seconds>', 'how long to wait for another process that uses the store'),
    new Option('--durability <when>', 'batch, layer or none: when commits are on the disk'),
    new Option('--adopt', 'take over a data directory that layermill did not make'),
  ];
}
