import { badArgument } from '../errors/arguments.ts';
import type { Session } from './session.ts';

/** The registries of the first side of a run that `--creds` is meant for. */
const firstSides = new WeakMap<Session, ReadonlySet<string>>();

/**
 * What `--creds` holds is a secret of one registry: it does not go to those of both sides of a run, unless they are the
 * same. To be asked for each side that has no credentials of its own. Throws INVALID_ARGUMENT.
 */
export async function refuseForTwo(session: Session, places: readonly string[]): Promise<void> {
  const hosts = await hostsOf(places);
  const first = firstSides.get(session) ?? hosts;
  firstSides.set(session, first);
  const others = [...hosts].filter((host) => !first.has(host));
  const [one, other] = [[...first][0], others[0]];
  if (one === undefined || other === undefined) return;
  throw badArgument(
    '--creds',
    `--creds would tell the password to both ${one} and ${other}; say whose it is with --src-creds or --dest-creds`,
  );
}

async function hostsOf(places: readonly string[]): Promise<Set<string>> {
  const { parseDockerDestination, parseDockerHost } = await import('../formats/distribution/docker-reference.ts');
  const hosts = new Set<string>();
  for (const place of places) {
    if (!place.startsWith('docker:')) continue;
    const rest = place.slice('docker:'.length);
    hosts.add(parseDockerHost(rest) ?? parseDockerDestination(rest).host);
  }
  return hosts;
}
