import { engineError } from '../../errors/kinds.ts';
import type { Credentials } from './access-types.ts';
import { type Connections, strangerTrust, type Trust } from './connections.ts';
import { type Answer, bodyOf, exchange, type Outgoing, type Timeouts } from './exchange.ts';
import { nextHop } from './locations.ts';
import { isLoopback } from './proxies.ts';
import { refusalOf } from './refusal.ts';

const MOST_BYTES = 1024 * 1024;
const MOST_REDIRECTS = 10;
/** What a token without a time lives, by the token specification. */
const DEFAULT_SEC = 60;
const MARGIN_MS = 5_000;

export interface Token {
  value: string;
  /** Milliseconds since 1970: a little before its end, so that a request on its way still has a good one. */
  renewAt: number;
}

export interface TokenRequest {
  realm: string;
  service: string | null;
  scopes: readonly string[];
  credentials: Credentials | null;
  host: string;
  trust: Trust;
}

/**
 * Asks a token service (Docker's token authentication specification, and its OAuth2 variant for refresh tokens). A password
 * goes nowhere in the clear unless the registry is said to be insecure.
 */
export async function fetchToken(
  connections: Connections,
  timeouts: Timeouts,
  request: TokenRequest,
  now: () => number,
): Promise<Token> {
  const realm = realmOf(request);
  const outgoing = outgoingOf(request, realm);
  const answer = await followed(connections, timeouts, request, outgoing);
  try {
    if (answer.status !== 200) throw await refusalOf(answer, 'a request for a token', now());
    return readToken(await bodyOf(answer, MOST_BYTES, 'the token'), request.host, now());
  } finally {
    answer.drop();
  }
}

function realmOf({ realm, host, trust }: TokenRequest): URL {
  const url = URL.canParse(realm) ? new URL(realm) : null;
  const allowed = url?.protocol === 'https:' || (url?.protocol === 'http:' && (trust.insecure || isLoopback(url)));
  if (url !== null && allowed) {
    [url.username, url.password] = ['', ''];
    return url;
  }
  const message = `${host} names a token service that is not reached by https; nothing secret is sent there`;
  throw engineError('REGISTRY_PROTOCOL', message, { host });
}

function outgoingOf({ service, scopes, credentials }: TokenRequest, realm: URL): Outgoing {
  if (credentials !== null && 'identityToken' in credentials) {
    const form = new URLSearchParams({ grant_type: 'refresh_token', client_id: 'layermill' });
    if (service !== null) form.set('service', service);
    form.set('scope', scopes.join(' '));
    form.set('refresh_token', credentials.identityToken);
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return { method: 'POST', url: realm, headers, body: Buffer.from(form.toString()), signal: undefined };
  }
  const url = new URL(realm);
  if (service !== null) url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  const headers: Record<string, string> = {};
  if (credentials !== null && 'username' in credentials) {
    url.searchParams.set('account', credentials.username);
    headers['authorization'] = basicHeader(credentials);
  }
  return { method: 'GET', url, headers, body: null, signal: undefined };
}

async function followed(
  connections: Connections,
  timeouts: Timeouts,
  { host, trust }: TokenRequest,
  first: Outgoing,
): Promise<Answer> {
  let outgoing = first;
  for (let hops = 0; ; hops++) {
    const own = outgoing.url.hostname === new URL(`https://${host}`).hostname;
    const answer = await exchange(connections, outgoing, own ? trust : strangerTrust(trust), timeouts);
    const next = first.method === 'GET' ? nextHop(answer, trust.insecure) : null;
    if (next === null) return answer;
    answer.drop();
    if (hops === MOST_REDIRECTS) {
      throw engineError('REGISTRY_PROTOCOL', `the token service of ${host} redirects in circles`, { host });
    }
    const headers = next.origin === first.url.origin ? first.headers : {};
    outgoing = { ...outgoing, url: next, headers };
  }
}

export function basicHeader({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function readToken(raw: Buffer, host: string, now: number): Token {
  let fields: { token?: unknown; access_token?: unknown; expires_in?: unknown; issued_at?: unknown };
  try {
    fields = JSON.parse(raw.toString()) as typeof fields;
  } catch {
    fields = {};
  }
  const value = fields?.token ?? fields?.access_token;
  // What is no token in a header must not be sent as one.
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) {
    throw engineError('REGISTRY_PROTOCOL', `the token service of ${host} answers without a token`, { host });
  }
  const seconds = typeof fields.expires_in === 'number' && fields.expires_in > 0 ? fields.expires_in : DEFAULT_SEC;
  const life = seconds * 1000;
  const issued = typeof fields.issued_at === 'string' ? Date.parse(fields.issued_at) : Number.NaN;
  // A time that our clock cannot believe says nothing.
  const start = issued <= now && issued > now - life ? issued : now;
  return { value, renewAt: start + life - Math.min(MARGIN_MS, life / 10) };
}
