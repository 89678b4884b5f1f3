import type { Readable } from 'node:stream';
import { engineError, hasCode } from '../../errors/kinds.ts';
import { abortable } from '../../streams/abort.ts';
import type { Access, Endpoint } from './access-types.ts';
import { type Asking, Authorizer } from './authorizer.ts';
import { type Connections, strangerTrust, type Trust } from './connections.ts';
import { type Answer, exchange, type Outgoing, type Timeouts } from './exchange.ts';
import { HostGate } from './host-gate.ts';
import { nextHop } from './locations.ts';
import { MayPass } from './may-pass.ts';
import { canonicalHost } from './auth-keys.ts';
import { PullQuota } from './pull-quota.ts';
import type { PullsLeft } from './registry.ts';
import { refusalOf } from './refusal.ts';
import type { RequestPace } from './request-pace.ts';
import { LONGEST_ASKED_WAIT_MS, type RetryPolicy, retrying } from './retrying.ts';

const MOST_REDIRECTS = 10;
/** Tokens that are tried for one request. */
const MOST_REFUSALS = 3;

/** One request to an endpoint, and how its answer is to be read. */
export interface Call {
  endpoint: Endpoint;
  method: Outgoing['method'];
  /** A path with its query, or where an earlier answer led. */
  to: string | URL;
  /** What it is for, in messages: `the manifest NAME:TAG`. */
  what: string;
  scopes: readonly string[];
  headers?: Record<string, string>;
  /** Made anew for every time that the request is sent. */
  body?: () => Buffer | Readable;
  /** Answers that are no refusal. */
  good: readonly number[];
  signal: AbortSignal | undefined;
}

export interface WireParts {
  access: Access;
  connections: Connections;
  timeouts: Timeouts;
  policy: RetryPolicy;
  /** Null where requests need not be spread over time. */
  pace: RequestPace | null;
}

/** Sends requests as registries want them: with a token, not too many at once, following where they lead. */
export class Wire {
  readonly policy: RetryPolicy;
  readonly #connections: Connections;
  readonly #timeouts: Timeouts;
  readonly #pace: RequestPace | null;
  readonly #authorizer: Authorizer;
  readonly #gates = new Map<string, { gate: HostGate; quota: PullQuota }>();
  readonly #origins = new Map<string, Promise<string>>();

  constructor({ access, connections, timeouts, policy, pace }: WireParts) {
    [this.policy, this.#connections, this.#timeouts, this.#pace] = [policy, connections, timeouts, pace];
    this.#authorizer = new Authorizer(access, connections, timeouts, policy.clock);
  }

  /** As `once`, again and again while it may pass. */
  send<Value>(call: Call, use: (answer: Answer) => Promise<Value>): Promise<Value> {
    return retrying(() => this.once(call, use), this.policy, call.signal);
  }

  /** What the servers of a registry said last of the pulls that are left. */
  pullsLeft(host: string): PullsLeft | null {
    const said = [...this.#gates].filter(([server]) => canonicalHost(server) === canonicalHost(host));
    return said.map(([, { quota }]) => quota.left).find((left) => left !== null) ?? null;
  }

  /** One attempt; `use` reads the answer while the request still counts. Throws MayPass, or the error that it is. */
  async once<Value>(call: Call, use: (answer: Answer) => Promise<Value>): Promise<Value> {
    const { gate } = this.#gateOf(call.endpoint.host);
    const turn = await gate.enter(call.signal);
    let outcome: 'good' | 'overload' | 'other' = 'other';
    let answer: Answer | null = null;
    try {
      answer = await this.#authorized(call);
      if (!call.good.includes(answer.status)) throw await this.#refused(call, answer);
      const value = await use(answer);
      outcome = 'good';
      return value;
    } catch (error) {
      if (error instanceof MayPass && error.overload) outcome = 'overload';
      throw error;
    } finally {
      answer?.drop();
      gate.leave(turn, outcome);
    }
  }

  async #refused({ endpoint, what }: Call, answer: Answer): Promise<Error> {
    const error = await refusalOf(answer, what, this.policy.clock.now());
    const waitMs = error instanceof MayPass && hasCode(error.error, 'REGISTRY_RATE_LIMITED') ? error.waitMs : null;
    if (waitMs !== null && waitMs <= LONGEST_ASKED_WAIT_MS) this.#gateOf(endpoint.host).gate.pause(waitMs);
    return error;
  }

  async #authorized(call: Call): Promise<Answer> {
    const { endpoint, scopes, signal } = call;
    const origin = await this.#originOf(endpoint, signal);
    const url = typeof call.to === 'string' ? new URL(call.to, origin) : call.to;
    const asking: Asking = { endpoint, origin, scopes, signal };
    for (let refusals = 0; ; refusals++) {
      const authorization = url.origin === origin ? await this.#authorizer.header(asking) : null;
      const answer = await this.#followed(call, url, origin, authorization);
      this.#noteQuota(endpoint.host, answer);
      if (answer.status !== 401 || answer.url.origin !== origin || refusals === MOST_REFUSALS) return answer;
      const again = await this.#authorizer.learn(asking, answer, authorization).catch((error: unknown) => {
        answer.drop();
        throw error;
      });
      if (!again) return answer;
      answer.drop();
    }
  }

  #noteQuota(host: string, answer: Answer): void {
    const { gate, quota } = this.#gateOf(host);
    const waitMs = quota.note(answer) * 1000;
    if (waitMs > 0 && waitMs <= LONGEST_ASKED_WAIT_MS) gate.pause(waitMs);
  }

  /** Follows redirects; what tells who asks is for the registry alone. */
  async #followed(call: Call, first: URL, origin: string, authorization: string | null): Promise<Answer> {
    const { endpoint, method, signal } = call;
    let url = first;
    for (let hops = 0; ; hops++) {
      const own = url.origin === origin;
      const headers = { ...call.headers, ...(own && authorization !== null ? { authorization } : {}) };
      const body = call.body?.() ?? null;
      if (own) await this.#pace?.turn(endpoint.host, signal);
      const trust = own ? endpoint : strangerTrust(endpoint);
      const answer = await exchange(this.#connections, { method, url, headers, body, signal }, trust, this.#timeouts);
      // A redirect of these would change them into a GET, which is never what is meant.
      const moved = method === 'GET' || method === 'HEAD' || answer.status === 307 || answer.status === 308;
      const next = moved ? nextHop(answer, this.#isInsecure(endpoint)) : null;
      if (next === null) return answer;
      answer.drop();
      if (hops === MOST_REDIRECTS) {
        const { host } = endpoint;
        throw engineError('REGISTRY_PROTOCOL', `${host} redirects ${call.what} in circles`, { host });
      }
      url = next;
    }
  }

  #isInsecure(endpoint: Endpoint): boolean {
    return endpoint.insecure || endpoint.origin.startsWith('http:');
  }

  /** An insecure registry is tried with TLS first; plain HTTP follows only when there is none. */
  #originOf(endpoint: Endpoint, signal: AbortSignal | undefined): Promise<string> {
    const origin = new URL(endpoint.origin).origin;
    if (!endpoint.insecure || origin.startsWith('http:')) return Promise.resolve(origin);
    const known = this.#origins.get(origin) ?? this.#probe(origin, endpoint);
    this.#origins.set(origin, known);
    known.catch(() => this.#origins.delete(origin));
    return abortable(known, signal);
  }

  async #probe(origin: string, endpoint: Endpoint): Promise<string> {
    const plain = origin.replace(/^https:/, 'http:');
    try {
      return await this.#ping(origin, endpoint);
    } catch (error) {
      const reason = error instanceof MayPass ? error.error : error;
      if (!hasCode(reason, 'REGISTRY_UNREACHABLE') && !hasCode(reason, 'REGISTRY_UNTRUSTED')) throw error;
      return await this.#ping(plain, endpoint);
    }
  }

  /** Not by the signal of one who asks: others wait for the same answer. */
  async #ping(origin: string, trust: Trust): Promise<string> {
    const url = new URL('/v2/', origin);
    const outgoing: Outgoing = { method: 'GET', url, headers: {}, body: null, signal: undefined };
    (await exchange(this.#connections, outgoing, trust, this.#timeouts)).drop();
    return origin;
  }

  #gateOf(host: string): { gate: HostGate; quota: PullQuota } {
    const { clock, notice } = this.policy;
    const known = this.#gates.get(host) ?? { gate: new HostGate(clock), quota: new PullQuota(host, notice) };
    this.#gates.set(host, known);
    return known;
  }
}
