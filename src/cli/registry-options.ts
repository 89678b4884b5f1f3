import { type Command, Option } from 'commander';
import { parseSettings } from '../config/schema.ts';
import { engineError } from '../errors/kinds.ts';
import type { FormatContext } from '../formats/context.ts';
import type { Registries, RegistryOptions } from '../formats/distribution/registry.ts';
import { RequestPace } from '../formats/distribution/request-pace.ts';
import type { Session } from './session.ts';
import { refuseForTwo } from './shared-creds.ts';

/** Which end of a run an option is about; `both` where there is one only. */
type Side = 'src' | 'dest';

/** What was typed about registries; a key for each flag of each side, and one for both. */
export interface TypedRegistryOptions {
  authfile?: string;
  creds?: string;
  noCreds?: boolean;
  tlsVerify?: string;
  certDir?: string;
  registriesConf?: string;
  retryTimes?: string;
  requestsPerSecond?: string;
  srcAuthfile?: string;
  srcCreds?: string;
  srcNoCreds?: boolean;
  srcTlsVerify?: string;
  srcCertDir?: string;
  destAuthfile?: string;
  destCreds?: string;
  destNoCreds?: boolean;
  destTlsVerify?: string;
  destCertDir?: string;
}

/** Adds the options by which tools of this field say how registries are spoken to: for both sides, or apart. */
export function addRegistryOptions(command: Command, sides: readonly Side[]): Command {
  const tls = (flag: string, whose: string): Option =>
    new Option(`${flag} [yes]`, `check certificates${whose}; false also allows plain HTTP`)
      .choices(['true', 'false'])
      .preset('true');
  command
    .option('--authfile <file>', 'credentials for registries, instead of the usual auth.json and config.json')
    .option('--creds <user:password>', 'credentials for the registry')
    .addOption(new Option('--no-creds', 'ask registries as nobody').default(undefined))
    .addOption(tls('--tls-verify', ''))
    .option('--cert-dir <dir>', '*.crt, *.cert and *.key for the registry, instead of certs.d')
    .option('--registries-conf <file>', 'mirrors, insecure and blocked registries')
    .option('--retry-times <n>', 'how often to try again what may pass (default: 5)')
    .option('--requests-per-second <n>', 'for each registry (default: as many as it bears)');
  if (sides.length < 2) return command;
  for (const side of sides) {
    const whose = side === 'src' ? ' of the sources' : ' of the destination';
    command
      .addOption(new Option(`--${side}-authfile <file>`).hideHelp())
      .option(`--${side}-creds <user:password>`, `as --creds, for the registry${whose}`)
      .addOption(new Option(`--${side}-no-creds`).hideHelp())
      .addOption(tls(`--${side}-tls-verify`, whose))
      .option(`--${side}-cert-dir <dir>`, `as --cert-dir, for the registry${whose}`);
  }
  return command;
}

/** What holds for one side: its own flags before those for both. Throws INVALID_ARGUMENT. */
export function registryOptions(typed: TypedRegistryOptions, side: Side, session: Session): RegistryOptions {
  const own =
    side === 'src'
      ? {
          authFile: typed.srcAuthfile,
          creds: typed.srcCreds,
          noCreds: typed.srcNoCreds,
          tls: typed.srcTlsVerify,
          certDir: typed.srcCertDir,
        }
      : {
          authFile: typed.destAuthfile,
          creds: typed.destCreds,
          noCreds: typed.destNoCreds,
          tls: typed.destTlsVerify,
          certDir: typed.destCertDir,
        };
  const tls = own.tls ?? typed.tlsVerify;
  // commander gives `creds` for --creds and false for --no-creds.
  const creds = own.creds ?? typed.creds;
  const nobody = own.noCreds === true || (creds as string | false | undefined) === false;
  return {
    authFile: own.authFile ?? typed.authfile,
    creds: nobody ? undefined : creds,
    noCreds: nobody ? true : undefined,
    tlsVerify: tls === undefined ? undefined : tls !== 'false',
    certDir: own.certDir ?? typed.certDir,
    registriesConf: typed.registriesConf,
    retryTimes: typed.retryTimes === undefined ? undefined : retryTimes(typed.retryTimes),
    pace: paceOf(session, typed.requestsPerSecond),
    onNotice: (message) => session.log.warn(message),
  };
}

/** Both sides of a run share it: they may be of one registry. */
const paces = new WeakMap<Session, RequestPace>();

function paceOf(session: Session, given: string | undefined): RequestPace | undefined {
  const label = (): string => '--requests-per-second';
  const flags = given === undefined ? {} : parseSettings({ registry: { requestsPerSecond: given } }, { label });
  const perSecond = flags.registry?.requestsPerSecond ?? session.settings.registry.requestsPerSecond;
  if (perSecond === 'auto') return undefined;
  const pace = paces.get(session) ?? new RequestPace(perSecond);
  paces.set(session, pace);
  return pace;
}

function retryTimes(text: string): number {
  if (/^\d{1,3}$/.test(text)) return Number(text);
  const message = `--retry-times must be a whole number, not ${JSON.stringify(text)}`;
  throw engineError('INVALID_ARGUMENT', message, { argument: '--retry-times', value: text });
}

/** The context of one side, with the registries that it may need: opened when one of its places is in a registry. */
export async function sideContext(
  context: FormatContext,
  typed: TypedRegistryOptions,
  side: Side,
  { session, places }: { session: Session; places: readonly string[] },
): Promise<{ context: FormatContext; registries: Registries | null }> {
  const options = registryOptions(typed, side, session);
  if (!places.some((place) => place.startsWith('docker:'))) return { context, registries: null };
  const own = side === 'src' ? typed.srcCreds : typed.destCreds;
  if (own === undefined && options.creds !== undefined) await refuseForTwo(session, places);
  const { registriesFor } = await import('../formats/distribution/registries-of.ts');
  const registries = registriesFor(context, side === 'src' ? 'source' : 'sink', options);
  return { context: { ...context, registries }, registries };
}
