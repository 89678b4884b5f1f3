import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Access, Credentials, Endpoint } from '../../src/formats/distribution/access-types.ts';
import type { Clock } from '../../src/formats/distribution/clock.ts';
import { openRegistries, type OpenRegistries } from '../../src/formats/distribution/open-registries.ts';
import type { Registries, Repository } from '../../src/formats/distribution/registry.ts';
import { openSystem } from '../../src/system/select.ts';
import { ScriptedRegistry, type ScriptedOptions } from './scripted-registry.ts';
import { inlinePool } from './test-store.ts';

/** What hashes bytes while they pass; null where there are no direct calls, and what is tested with them is left out. */
export const passingSha256: ReturnType<typeof openSystem>['sha256'] = openSystem().sha256;
if (passingSha256 === null) console.log('skipped: hashing bytes while they pass, for want of direct calls');

/** A clock on which waits take no time, and that remembers them. */
export class TestClock implements Clock {
  readonly waits: number[] = [];
  #ahead = 0;

  now(): number {
    return Date.now() + this.#ahead;
  }

  random(): number {
    return 0.5;
  }

  async sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    this.waits.push(ms);
    this.#ahead += ms;
  }

  advance(ms: number): void {
    this.#ahead += ms;
  }
}

/** An access that leads to one place for every host. */
export function accessTo(endpoint: Partial<Endpoint> & { origin: string }, credentials: Credentials | null): Access {
  return {
    endpoints: async (host, name) => [{ host, name, mirror: false, insecure: false, tls: {}, ...endpoint }],
    credentials: async () => credentials,
  };
}

/** A scripted registry, a client of it, and a directory. */
export interface RegistryLab extends AsyncDisposable {
  registry: ScriptedRegistry;
  registries: Registries;
  /** `team/app`. */
  repository: Repository;
  clock: TestClock;
  notices: string[];
  /** A path in the directory that nothing has yet. */
  path(): string;
}

export async function openRegistryLab(
  options: ScriptedOptions & { client?: Partial<OpenRegistries>; credentials?: Credentials } = {},
): Promise<RegistryLab> {
  const registry = await ScriptedRegistry.open(options);
  const dir = mkdtempSync(join(tmpdir(), 'layermill-registry-'));
  const [clock, pool, notices] = [new TestClock(), inlinePool(), [] as string[]];
  const registries = openRegistries({
    access: accessTo({ origin: registry.origin }, options.credentials ?? null),
    pool,
    clock,
    timeouts: { idleMs: 300, answerMs: 1000 },
    onNotice: (message) => notices.push(message),
    env: {},
    ...options.client,
  });
  let files = 0;
  return {
    registry,
    registries,
    repository: await registries.repository(registry.host, 'team/app'),
    clock,
    notices,
    path: () => join(dir, String(++files)),
    [Symbol.asyncDispose]: async () => {
      await registries.close();
      await registry.close();
      await pool.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
