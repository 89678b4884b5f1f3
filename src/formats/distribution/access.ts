import { badArgument } from '../../errors/arguments.ts';
import { engineError } from '../../errors/kinds.ts';
import { quoted } from '../../image/strict-json.ts';
import type { Access, Credentials, Endpoint } from './access-types.ts';
import { canonicalHost } from './auth-keys.ts';
import { readCertificates } from './certificates.ts';
import { CredentialFiles } from './find-credentials.ts';
import { KnownHosts } from './host-options.ts';
import { type Places, placesOf } from './places.ts';
import { readRegistriesConf } from './registries-conf.ts';
import type { RegistryOptions } from './registry.ts';
import { type MirrorRule, type RegistryRule, ruleFor, splitRepository } from './registry-rules.ts';

/**
 * What flags, variables and files say about registries, for one side of a run. Files are read when they are first
 * needed. Throws INVALID_ARGUMENT for flags that cannot be meant.
 */
export function openAccess(options: RegistryOptions, places: Places = placesOf(options.env)): Access {
  const creds = options.creds === undefined ? null : parseCreds(options.creds);
  if (creds !== null && options.noCreds === true) {
    throw badArgument('creds', 'say either --creds or --no-creds, not both');
  }
  const files = new CredentialFiles(places, options.authFile);
  const hosts = new KnownHosts(options);
  const filesOf = new Map<string, CredentialFiles>();
  const ofHost = async (host: string, name: string): Promise<Credentials | null> => {
    const { credentials, authFile } = hosts.login(host, name) ?? {};
    if (credentials !== undefined) return credentials;
    if (authFile === undefined) return files.find(host, name);
    const own = filesOf.get(authFile) ?? new CredentialFiles(places, authFile);
    filesOf.set(authFile, own);
    return own.find(host, name);
  };
  const finder = new EndpointFinder(options, places);
  return {
    endpoints: (host, name) => finder.endpoints(host, name),
    credentials: async (host, name) => {
      if (options.noCreds === true) return null;
      return creds !== null && !finder.isOnlyBehind(host) ? creds : ofHost(host, name);
    },
  };
}

function parseCreds(text: string): Credentials {
  const colon = text.indexOf(':');
  if (colon > 0) return { username: text.slice(0, colon), password: text.slice(colon + 1) };
  // What was written may be a password, so it is not repeated.
  throw badArgument(
    'creds',
    '--creds is USER:PASSWORD; to keep the password off the command line, log in with a tool that writes an auth.json and use --authfile',
  );
}

/** Turns the names of repositories into the places to ask. */
class EndpointFinder {
  readonly #options: RegistryOptions;
  readonly #places: Places;
  /** Hosts that a person named, and those that files put in their place. */
  readonly #named = new Set<string>();
  readonly #behind = new Set<string>();
  readonly #hosts: KnownHosts;
  readonly #certificates = new Map<string, Promise<Endpoint['tls']>>();
  #rules: Promise<RegistryRule[]> | undefined;

  constructor(options: RegistryOptions, places: Places) {
    this.#options = options;
    this.#hosts = new KnownHosts(options);
    this.#places = places;
  }

  /** Credentials that are for the host a person named are not for the mirrors and places that files name. */
  isOnlyBehind(host: string): boolean {
    return this.#behind.has(canonicalHost(host)) && !this.#named.has(canonicalHost(host));
  }

  async endpoints(host: string, name: string): Promise<Endpoint[]> {
    const repository = name === '' ? canonicalHost(host) : `${canonicalHost(host)}/${name}`;
    this.#rules ??= readRegistriesConf(this.#places, this.#options.registriesConf);
    const found = ruleFor(await this.#rules, repository);
    if (found?.rule.blocked === true) throw blocked(host, found.rule);
    const rest = repository.slice(found?.covered);
    const places = (found?.rule.mirrors ?? []).map((mirror) => this.#mirror(mirror, rest));
    const location = found?.rule.location ?? null;
    const itself = location === null ? repository : location + rest;
    const endpoints = await Promise.all([...places, this.#endpoint(itself, found?.rule.insecure ?? false, false)]);
    this.#named.add(canonicalHost(host));
    for (const endpoint of endpoints) this.#behind.add(canonicalHost(endpoint.host));
    return endpoints;
  }

  async #mirror({ location, insecure, pullFrom }: MirrorRule, rest: string): Promise<Endpoint> {
    return {
      ...(await this.#endpoint(location + rest, insecure, true)),
      ...(pullFrom === 'digest-only' ? { pullsByDigestOnly: true } : {}),
      ...(pullFrom === 'tag-only' ? { pullsByTagOnly: true } : {}),
    };
  }

  async #endpoint(repository: string, insecure: boolean, mirror: boolean): Promise<Endpoint> {
    const { host, name } = splitRepository(repository);
    const tlsVerify = this.#hosts.tlsVerify(host, name) ?? this.#options.tlsVerify;
    const certDir = this.#hosts.certDir(host, name) ?? this.#options.certDir;
    const key = JSON.stringify([host, certDir]);
    let tls = this.#certificates.get(key);
    if (tls === undefined) {
      tls = readCertificates(host, this.#places, certDir);
      this.#certificates.set(key, tls);
    }
    return {
      origin: `https://${host === 'docker.io' ? 'registry-1.docker.io' : host}`,
      name,
      host,
      mirror,
      insecure: tlsVerify === undefined ? insecure : !tlsVerify,
      tls: await tls,
    };
  }
}

function blocked(host: string, { prefix, file }: RegistryRule): Error {
  return engineError('REGISTRY_BLOCKED', `the registry ${quoted(prefix)} is blocked by ${quoted(file)}`, {
    host,
    file,
  });
}
