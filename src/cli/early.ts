/** What can be told from the command line before anything is loaded. */
export interface EarlyLook {
  /** The verb; null when there is none, or an option that is unknown here comes first. */
  verb: string | null;
  /** The words of a failure are wanted as JSON too. */
  json: boolean;
  /**
   * A guess at the number of threads to start at once; null when a settings file has a say, or only help is wanted.
   * The real settings are checked against it.
   */
  threads: number | 'auto' | null;
  /** Blobs go from or to registries and stay as they are: it may well need no threads at all. */
  fetches: boolean;
}

/** Global options that take a value, so that the value is not taken for the verb. */
const WITH_VALUE: ReadonlySet<string> = new Set([
  '--root',
  '--driver',
  '-j',
  '--jobs',
  '--threads',
  '--config',
  '--log-level',
  '--log-format',
  '--progress',
  '--lock-timeout',
  '--durability',
  '--format',
]);

/** Looks at arguments and environment in a few microseconds; deciding is left to the real parser. */
export function lookEarly(args: readonly string[], env: NodeJS.ProcessEnv): EarlyLook {
  const end = args.indexOf('--');
  const options = end < 0 ? args : args.slice(0, end);
  return {
    verb: verbOf(options),
    json: wantsJson(options),
    threads: threadsOf(options, env),
    fetches: fetches(options),
  };
}

function verbOf(options: readonly string[]): string | null {
  for (let i = 0; i < options.length; i++) {
    const word = options[i]!;
    if (!word.startsWith('-') || word === '-') return word;
    if (WITH_VALUE.has(word)) i++;
  }
  return null;
}

/** A guess: what is wrong with it costs the time that threads need to start. */
function fetches(options: readonly string[]): boolean {
  const places = options.filter((word) => /^[a-z-]+:/.test(word)).map((word) => word.slice(0, word.indexOf(':')));
  const packs = options.some((word) => /^--(dest-|reproducible)/.test(word) && !word.startsWith('--dest-tls'));
  if (verbOf(options) !== 'copy' || packs || places.length < 2) return false;
  const [sources, to] = [places.slice(0, -1), places.at(-1)!];
  if (to === 'docker') return sources.every((source) => ['docker', 'oci', 'dir'].includes(source));
  return sources.every((source) => source === 'docker') && ['dir', 'oci', 'oci-archive'].includes(to);
}

function wantsJson(options: readonly string[]): boolean {
  return options.includes('--json') || valueOf(options, '--format') === 'json';
}

function threadsOf(options: readonly string[], env: NodeJS.ProcessEnv): number | 'auto' | null {
  const configured = valueOf(options, '--config') ?? env['LAYERMILL_CONFIG'] ?? '';
  const threads = valueOf(options, '--threads') ?? (env['LAYERMILL_THREADS'] || 'auto');
  if (configured !== '' || options.includes('--help') || options.includes('-h')) return null;
  if (threads === 'auto') return 'auto';
  return /^[1-9]\d{0,2}$/.test(threads) ? Number(threads) : null;
}

/** The value of `--option VALUE` or `--option=VALUE`, the last one if there are several. */
function valueOf(options: readonly string[], option: string): string | undefined {
  const at = options.findLastIndex((word) => word === option || word.startsWith(`${option}=`));
  if (at < 0) return undefined;
  return options[at] === option ? options[at + 1] : options[at]!.slice(option.length + 1);
}
