import { abortable } from '../../streams/abort.ts';
import type { Access, Credentials, Endpoint } from './access-types.ts';
import { parseChallenges } from './challenges.ts';
import type { Clock } from './clock.ts';
import type { Connections } from './connections.ts';
import type { Answer, Timeouts } from './exchange.ts';
import { basicHeader, fetchToken, type Token } from './token-service.ts';

/** How a registry wants to be told who asks. */
type Scheme = { is: 'basic' } | { is: 'bearer'; realm: string; service: string | null };

/** Who asks, and for what. */
export interface Asking {
  endpoint: Endpoint;
  /** Where the registry answers: `https://host:port`, or what it has in place of it. */
  origin: string;
  /** `repository:NAME:pull`, …. */
  scopes: readonly string[];
  signal: AbortSignal | undefined;
}

/** The `Authorization` of every request: what each registry asks for, the tokens it gave, and the credentials for them. */
export class Authorizer {
  readonly #access: Access;
  readonly #connections: Connections;
  readonly #timeouts: Timeouts;
  readonly #clock: Clock;
  readonly #schemes = new Map<string, Scheme>();
  readonly #credentials = new Map<string, Promise<Credentials | null>>();
  readonly #tokens = new Map<string, Promise<Token>>();
  /** Scopes that a registry asked for beyond those that we know of. */
  readonly #asked = new Map<string, readonly string[]>();

  constructor(access: Access, connections: Connections, timeouts: Timeouts, clock: Clock) {
    [this.#access, this.#connections, this.#timeouts, this.#clock] = [access, connections, timeouts, clock];
  }

  /** The header for a request; null while nothing was asked for, or nobody is known. */
  async header(asking: Asking): Promise<string | null> {
    const scheme = this.#schemes.get(asking.origin);
    if (scheme === undefined) return null;
    const credentials = await this.#credentialsFor(asking.endpoint);
    if (credentials !== null && 'registryToken' in credentials) return `Bearer ${credentials.registryToken}`;
    if (scheme.is === 'bearer') return `Bearer ${(await this.#token(asking, scheme, credentials)).value}`;
    return credentials !== null && 'username' in credentials ? basicHeader(credentials) : null;
  }

  /** Takes note of a 401, and says whether asking again makes sense. `used` is the header that was refused. */
  async learn(asking: Asking, answer: Answer, used: string | null): Promise<boolean> {
    const challenges = parseChallenges(answer.headers('www-authenticate'));
    const bearer = challenges.find(({ scheme, params }) => scheme === 'bearer' && params.has('realm'));
    if (bearer === undefined && !challenges.some(({ scheme }) => scheme === 'basic')) return false;
    if (used !== null && (await this.header(asking)) === used) this.#forget(asking);
    if (bearer === undefined) {
      this.#schemes.set(asking.origin, { is: 'basic' });
    } else {
      const [realm, service] = [bearer.params.get('realm')!, bearer.params.get('service') ?? null];
      this.#schemes.set(asking.origin, { is: 'bearer', realm, service });
      const scopes = bearer.params.get('scope')?.split(' ') ?? [];
      this.#asked.set(
        keyOf(asking),
        scopes.filter((scope) => scope !== ''),
      );
    }
    const next = await this.header(asking);
    return next !== null && next !== used;
  }

  #forget(asking: Asking): void {
    this.#credentials.delete(ownerOf(asking.endpoint));
    this.#tokens.delete(keyOf(asking));
  }

  #credentialsFor(endpoint: Endpoint): Promise<Credentials | null> {
    const key = ownerOf(endpoint);
    const known = this.#credentials.get(key) ?? this.#access.credentials(endpoint.host, endpoint.name);
    this.#credentials.set(key, known);
    known.catch(() => this.#credentials.delete(key));
    return known;
  }

  /** One request for a token, however many need it. */
  async #token(asking: Asking, scheme: Scheme & { is: 'bearer' }, credentials: Credentials | null): Promise<Token> {
    const key = keyOf(asking);
    const known = this.#tokens.get(key);
    if (known !== undefined) {
      const token = await abortable(known, asking.signal);
      if (this.#clock.now() < token.renewAt) return token;
    }
    // Somebody else may have renewed it meanwhile.
    const current = this.#tokens.get(key);
    const renewed = current === known ? this.#renew(key, asking, scheme, credentials) : current!;
    return abortable(renewed, asking.signal);
  }

  /** Not by the signal of one who asks: others wait for the same token. */
  #renew(
    key: string,
    { endpoint, scopes }: Asking,
    scheme: Scheme & { is: 'bearer' },
    credentials: Credentials | null,
  ): Promise<Token> {
    const asked = [...new Set([...scopes, ...(this.#asked.get(key) ?? [])])];
    const { realm, service } = scheme;
    const request = { realm, service, scopes: asked, credentials, host: endpoint.host, trust: endpoint };
    const pending = fetchToken(this.#connections, this.#timeouts, request, () => this.#clock.now());
    this.#tokens.set(key, pending);
    pending.catch(() => {
      if (this.#tokens.get(key) === pending) this.#tokens.delete(key);
    });
    return pending;
  }
}

function keyOf({ endpoint, origin, scopes }: Asking): string {
  return JSON.stringify([origin, ownerOf(endpoint), scopes]);
}

function ownerOf({ host, name }: Endpoint): string {
  return `${host}/${name}`;
}
