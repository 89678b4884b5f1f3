import { rootCertificates } from 'node:tls';
import { Agent, type Dispatcher, Pool, ProxyAgent } from 'undici';
import { engineError } from '../../errors/kinds.ts';
import type { Endpoint } from './access-types.ts';
import { MayPass } from './may-pass.ts';
import { proxyFor } from './proxies.ts';
import { wideReads } from './wide-reads.ts';

const CONNECT_MS = 30_000;

/** What a connection must know of its endpoint. */
export type Trust = Pick<Endpoint, 'insecure' | 'tls'>;

/** The open connections of a run, kept apart by what is trusted and which proxy leads there. */
export class Connections {
  readonly #env: NodeJS.ProcessEnv;
  readonly #agents = new Map<string, Dispatcher>();
  #closed = false;

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  /** Throws CANCELLED after `close`: what is tried again then must come to its end. */
  to(url: URL, trust: Trust): Dispatcher {
    if (this.#closed) throw engineError('CANCELLED', 'the registries were closed', {});
    const proxy = proxyFor(url, this.#env);
    const plain = proxy?.startsWith('http:') === true && url.protocol === 'http:';
    const key = JSON.stringify([proxy, plain, trust.insecure, trust.tls]);
    const agent = this.#agents.get(key) ?? (plain ? openForwarder(proxy) : openAgent(proxy, trust));
    this.#agents.set(key, agent);
    return agent;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const agents = [...this.#agents.values()];
    this.#agents.clear();
    await Promise.all(agents.map((agent) => agent.destroy()));
  }
}

/** A proxy that gets plain requests (RFC 9112, section 3.2.2). undici's own throws what the proxy answers. */
function openForwarder(proxy: string): Dispatcher {
  const { origin, username, password } = new URL(proxy);
  const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const own = user === ':' ? {} : { 'proxy-authorization': `Basic ${Buffer.from(user).toString('base64')}` };
  return new Pool(origin, { connect: { timeout: CONNECT_MS } }).compose((dispatch) => (options, handler) => {
    const target = String(options.origin);
    const headers = { host: new URL(target).host, ...own, ...(options.headers as Record<string, string>) };
    return dispatch({ ...options, origin, path: `${target}${options.path}`, headers }, handler);
  });
}

function openAgent(proxy: string | null, { insecure, tls }: Trust): Dispatcher {
  // Node takes `ca` for all there are; a registry's own come on top of those that the machine trusts.
  const ca = tls.ca === undefined ? {} : { ca: [...rootCertificates, ...tls.ca] };
  const connect = { ...tls, ...ca, rejectUnauthorized: !insecure, timeout: CONNECT_MS };
  if (proxy === null) return new Agent({ connect: wideReads(connect) });
  const clientFactory = (origin: URL, options: object): Dispatcher => new ToProxy(origin, options);
  return new ProxyAgent({ uri: proxy, requestTls: connect, clientFactory });
}

/** The connections to a proxy. undici tells of a tunnel that is refused by its message alone. */
class ToProxy extends Pool {
  readonly #host: string;

  constructor(origin: URL, options: object) {
    super(origin, options);
    this.#host = origin.host;
  }

  override async connect(options: Dispatcher.ConnectOptions): Promise<Dispatcher.ConnectData>;
  override async connect(options: Dispatcher.ConnectOptions, callback?: unknown): Promise<Dispatcher.ConnectData> {
    if (callback !== undefined) throw new TypeError('tunnels are opened by promises');
    const tunnel = await super.connect(options);
    if (tunnel.statusCode === 200) return tunnel;
    tunnel.socket.on('error', () => undefined).destroy();
    throw tunnelRefused(this.#host, options.path, tunnel.statusCode);
  }
}

function tunnelRefused(proxy: string, to: string, status: number): Error {
  const said = `the proxy ${proxy} answers ${status} instead of opening a tunnel to ${to}`;
  const fix =
    status === 407 ? 'give its user and password in HTTPS_PROXY' : 'check HTTPS_PROXY, or name the host in NO_PROXY';
  const error = engineError('REGISTRY_UNREACHABLE', `${said}; ${fix}`, { host: proxy, reason: String(status) });
  return status >= 500 ? new MayPass(error) : error;
}

/** Another host gets no certificate of the client; its own is judged as that of the registry. */
export function strangerTrust({ insecure, tls }: Trust): Trust {
  return { insecure, tls: tls.ca === undefined ? {} : { ca: tls.ca } };
}
