import { engineError } from '../../errors/kinds.ts';
import { DEFAULT_DOCUMENT_LIMITS, type DocumentLimits } from '../../image/document-limits.ts';
import type { TaskPool } from '../../tasks/task-pool.ts';
import type { ResumableSha256 } from '../../system/resumable-sha256.ts';
import type { Access, Endpoint } from './access-types.ts';
import { type Clock, SYSTEM_CLOCK } from './clock.ts';
import { Connections } from './connections.ts';
import type { Timeouts } from './exchange.ts';
import { KnownHosts } from './host-options.ts';
import { namesOf } from './listing.ts';
import type { Registries, RegistryOptions, Repository } from './registry.ts';
import { RemoteRepository, type Shared } from './repository.ts';
import { Wire } from './wire.ts';

const DEFAULT_RETRIES = 5;
const DEFAULT_TIMEOUTS: Timeouts = { idleMs: 60_000, answerMs: 300_000 };

export interface OpenRegistries extends RegistryOptions {
  access: Access;
  /** Checks what was fetched. */
  pool: TaskPool;
  /** Hashes what comes while it is written; without it everything is read and hashed afterwards. */
  sha256?: ResumableSha256 | null | undefined;
  documents?: DocumentLimits | undefined;
  signal?: AbortSignal | undefined;
  /** False for a side that writes: what only a mirror has must be sent all the same. */
  mirrors?: boolean | undefined;
  timeouts?: Timeouts | undefined;
  clock?: Clock | undefined;
}

/** Opens the registries of one side of a run. */
export function openRegistries(options: OpenRegistries): Registries {
  const { access, pool, sha256 = null, signal, clock = SYSTEM_CLOCK, timeouts = DEFAULT_TIMEOUTS } = options;
  const connections = new Connections(options.env ?? process.env);
  const notice = options.onNotice ?? ((): void => undefined);
  const hosts = new KnownHosts(options);
  const policy = { times: options.retryTimes ?? DEFAULT_RETRIES, clock, notice };
  const wire = new Wire({ access, connections, timeouts, policy, pace: options.pace ?? null });
  const limits = options.documents ?? DEFAULT_DOCUMENT_LIMITS;
  const shared: Shared = { wire, pool, sha256, limits, signal, notice, dead: new Set() };

  const endpointsOf = async (host: string, name: string): Promise<[...Endpoint[], Endpoint]> => {
    const all = await access.endpoints(host, name);
    const own = all.findLast(({ mirror }) => !mirror);
    if (own === undefined) throw engineError('INVALID_ARGUMENT', `no registry is known as ${host}`, { argument: host });
    const trusted = all.map((endpoint) =>
      options.tlsVerify === false && hosts.tlsVerify(endpoint.host, endpoint.name) !== true
        ? { ...endpoint, insecure: true }
        : endpoint,
    );
    const registry = trusted[all.indexOf(own)]!;
    return [...(options.mirrors === false ? [] : trusted.filter(({ mirror }) => mirror)), registry];
  };
  const close = (): Promise<void> => connections.close();
  return {
    repository: async (host, name): Promise<Repository> =>
      new RemoteRepository(host, name, await endpointsOf(host, name), shared),
    pullsLeft: (host) => wire.pullsLeft(host),
    catalog: async function* (host) {
      const endpoint = (await endpointsOf(host, '')).at(-1)!;
      const what = `the list of repositories of ${host}`;
      const scopes = ['registry:catalog:*'];
      const call = { endpoint, method: 'GET' as const, to: '/v2/_catalog?n=1000', what, scopes, good: [200], signal };
      yield* namesOf(wire, call, 'repositories');
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
