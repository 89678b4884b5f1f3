import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRegistries } from '../../src/formats/distribution/open-registries.ts';
import type { Registries } from '../../src/formats/distribution/registry.ts';
import { sha256Digest } from '../../src/identity/digest.ts';
import { OCI_MANIFEST } from '../../src/image/media-types.ts';
import { codeOf } from '../support/code-of.ts';
import { type ConnectProxy, openConnectProxy } from '../support/connect-proxy.ts';
import { type DockerRegistry, NAME_IN_CERTIFICATE, startDockerRegistry } from '../support/docker-registry.ts';
import { missing } from '../support/programs.ts';
import { seeded } from '../support/random.ts';
import { accessTo } from '../support/registry-lab.ts';
import { inlinePool } from '../support/test-store.ts';

const absent = missing(['docker-registry', 'openssl', 'htpasswd']);
if (absent.length > 0) console.log(`skipped: ${absent.join(' and ')} not installed`);

const USER = { name: 'alice', password: 'pa:ss' };
const BYTES = seeded(7).bytes(3_000_000);

describe.skipIf(absent.length > 0)("Docker's registry with TLS behind a proxy", () => {
  let server: DockerRegistry;
  let proxy: ConnectProxy;
  let dir: string;
  const pool = inlinePool();
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'layermill-interop-proxy-'));
    server = await startDockerRegistry(USER);
    proxy = await openConnectProxy(Number(new URL(server.origin).port));
  });
  afterAll(async () => {
    await pool.close();
    await proxy[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  /** Nobody but the proxy knows where that is. */
  const host = `${NAME_IN_CERTIFICATE}:8443`;
  const open = (env: NodeJS.ProcessEnv, ca: string[] = [server.ca!]): Registries => {
    const access = accessTo(
      { origin: `https://${host}`, tls: { ca } },
      { username: USER.name, password: USER.password },
    );
    return openRegistries({ access, pool, env, retryTimes: 0 });
  };

  it('takes and gives images through a tunnel, which sees no password but its own', async () => {
    await using registries = open({ https_proxy: `http://me:s3cret@${proxy.origin}` });
    const app = await registries.repository(host, 'team/app');
    const blob = { digest: sha256Digest(BYTES), size: BYTES.length };
    writeFileSync(join(dir, 'blob'), BYTES);
    await app.upload({ path: join(dir, 'blob'), ...blob });
    await app.download(blob, join(dir, 'got'));
    expect(readFileSync(join(dir, 'got')).equals(BYTES)).toBe(true);
    const layers = [{ mediaType: 'application/octet-stream', ...blob }];
    const raw = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config: layers[0], layers }));
    await app.putManifest('v1', raw, OCI_MANIFEST);
    expect((await app.manifest('v1'))?.raw.equals(raw)).toBe(true);
    const authorization = `Basic ${Buffer.from('me:s3cret').toString('base64')}`;
    expect(new Set(proxy.asked.map((tunnel) => JSON.stringify(tunnel)))).toEqual(
      new Set([JSON.stringify({ to: host, authorization })]),
    );
    expect(proxy.plain).toEqual([]);
  });

  it('is trusted by its own certificate, not by that of the proxy', async () => {
    await using registries = open({ HTTPS_PROXY: `http://${proxy.origin}` }, []);
    const app = await registries.repository(host, 'team/app');
    expect(await codeOf(app.manifest('v1'))).toBe('REGISTRY_UNTRUSTED');
  });

  it('is not reached through it where NO_PROXY says so', async () => {
    proxy.asked.length = 0;
    await using registries = open({ HTTPS_PROXY: `http://${proxy.origin}`, NO_PROXY: NAME_IN_CERTIFICATE });
    const app = await registries.repository(host, 'team/app');
    expect(await codeOf(app.manifest('v1'))).toBe('REGISTRY_UNREACHABLE');
    expect(proxy.asked).toEqual([]);
  });

  it('is not reached when the proxy refuses, and the message has no password', async () => {
    await using registries = open({ HTTPS_PROXY: `http://me:s3cret@127.0.0.1:1` });
    const app = await registries.repository(host, 'team/app');
    const error: unknown = await app.manifest('v1').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    expect(String(error)).not.toContain('s3cret');
  });
});
