import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Endpoint } from '../../src/formats/distribution/access-types.ts';
import { openRegistries } from '../../src/formats/distribution/open-registries.ts';
import type { Registries, Repository } from '../../src/formats/distribution/registry.ts';
import { type Digest, sha256Digest } from '../../src/identity/digest.ts';
import { OCI_MANIFEST } from '../../src/image/media-types.ts';
import { createThreadPool } from '../../src/pool/thread-pool.ts';
import { openSystem } from '../../src/system/select.ts';
import type { TaskPool } from '../../src/tasks/task-pool.ts';
import { codeOf } from '../support/code-of.ts';
import { type DockerRegistry, startDockerRegistry } from '../support/docker-registry.ts';
import { missing } from '../support/programs.ts';
import { accessTo } from '../support/registry-lab.ts';

const absent = missing(['docker-registry', 'openssl', 'htpasswd']);
if (absent.length > 0) console.log(`skipped: ${absent.join(' and ')} not installed`);

const USER = { name: 'alice', password: 'pa:ss' };
const CREDENTIALS = { username: USER.name, password: USER.password };
const SIZE = 64 * 1024 * 1024;

describe.skipIf(absent.length > 0).each([false, true])("Docker's registry, with TLS and a password: %s", (secure) => {
  let server: DockerRegistry;
  let pool: TaskPool;
  let dir: string;
  let digest: Digest;
  const opened: Registries[] = [];

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'layermill-interop-'));
    server = await startDockerRegistry(secure ? USER : undefined);
    pool = createThreadPool({ threads: 1 });
    const bytes = Buffer.alloc(SIZE);
    for (let at = 0; at < SIZE; at += 4) bytes.writeUInt32LE((at * 2654435761) >>> 0, at);
    writeFileSync(join(dir, 'blob'), bytes);
    digest = sha256Digest(bytes);
  });
  afterAll(async () => {
    for (const registries of opened) await registries.close();
    await pool?.close();
    await server?.[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  const repository = async (
    name: string,
    trust: Partial<Endpoint> = { tls: server.ca === null ? {} : { ca: [server.ca] } },
    credentials = secure ? CREDENTIALS : null,
  ): Promise<Repository> => {
    const access = accessTo({ origin: server.origin, ...trust }, credentials);
    const registries = openRegistries({ access, pool, sha256: openSystem().sha256, env: {}, retryTimes: 1 });
    opened.push(registries);
    return registries.repository(server.host, name);
  };

  it('takes a blob and gives it back, and the main thread stays free', async () => {
    const lag = monitorEventLoopDelay({ resolution: 5 });
    const app = await repository('team/app');
    expect(await app.blobSize(digest)).toBeNull();
    lag.enable();
    await app.upload({ path: join(dir, 'blob'), size: SIZE, digest });
    await app.download({ digest, size: SIZE }, join(dir, 'got'));
    lag.disable();
    expect(await app.blobSize(digest)).toBe(SIZE);
    expect(readFileSync(join(dir, 'got')).equals(readFileSync(join(dir, 'blob')))).toBe(true);
    expect(lag.percentile(99) / 1e6).toBeLessThan(50);
  });

  it('takes a blob over from a neighbour, and not one that is not there', async () => {
    const other = await repository('team/other');
    expect(await other.mount(`sha256:${'a'.repeat(64)}`, 'team/app')).toBe(false);
    expect(await other.mount(digest, 'team/app')).toBe(true);
    expect(await other.blobSize(digest)).toBe(SIZE);
  });

  it('has manifests, tags and no referrers, until they are deleted', async () => {
    const app = await repository('team/app');
    const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: SIZE };
    const raw = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [] }));
    for (const tag of ['v1', 'v2']) await app.putManifest(tag, raw, OCI_MANIFEST);
    const manifest = { digest: sha256Digest(raw), mediaType: OCI_MANIFEST };
    expect(await app.headManifest('v1')).toEqual({ ...manifest, size: raw.length });
    expect(await app.manifest('v2')).toEqual({ ...manifest, raw });
    const tags: string[] = [];
    for await (const tag of app.tags()) tags.push(tag);
    expect(tags).toEqual(['v1', 'v2']);
    expect(await app.referrers(manifest.digest)).toEqual([]);
    await app.deleteManifest(manifest.digest);
    expect(await app.headManifest('v1')).toBeNull();
  });

  it('is spoken to as its owner allows only', async () => {
    const trusting = await repository('team/app', { insecure: true, origin: `https://${server.host}` });
    expect(await trusting.blobSize(digest)).toBe(SIZE);
    const strict = await repository('team/app', { origin: `https://${server.host}` });
    expect(await codeOf(strict.blobSize(digest))).toBe('REGISTRY_UNTRUSTED');
    const nobody = await repository('team/app', { insecure: true }, null);
    expect(await codeOf(nobody.blobSize(digest))).toBe(secure ? 'REGISTRY_UNAUTHORIZED' : 'no error');
  });
});
