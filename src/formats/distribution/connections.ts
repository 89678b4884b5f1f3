import { rootCertificates } from 'node:tls';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import { engineError } from '../../errors/kinds.ts';
import type { Endpoint } from './access-types.ts';
import { proxyFor } from './proxies.ts';

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
    const key = JSON.stringify([proxy, trust.insecure, trust.tls]);
    const agent = this.#agents.get(key) ?? openAgent(proxy, trust);
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

function openAgent(proxy: string | null, { insecure, tls }: Trust): Dispatcher {
  // Node takes `ca` for all there are; a registry's own come on top of those that the machine trusts.
  const ca = tls.ca === undefined ? {} : { ca: [...rootCertificates, ...tls.ca] };
  const connect = { ...tls, ...ca, rejectUnauthorized: !insecure, timeout: CONNECT_MS };
  if (proxy === null) return new Agent({ connect });
  return new ProxyAgent({ uri: proxy, requestTls: connect, proxyTunnel: false });
}

/** Another host gets no certificate of the client; its own is judged as that of the registry. */
export function strangerTrust({ insecure, tls }: Trust): Trust {
  return { insecure, tls: tls.ca === undefined ? {} : { ca: tls.ca } };
}
