import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { proxyFor } from '../../../src/formats/distribution/proxies.ts';
import { OCI_MANIFEST } from '../../../src/image/media-types.ts';
import { openConnectProxy } from '../../support/connect-proxy.ts';
import { accessTo, openRegistryLab, type RegistryLab } from '../../support/registry-lab.ts';

describe('the proxy', () => {
  const env = { HTTPS_PROXY: 'http://secure:1', HTTP_PROXY: 'plain:2' };
  it.each<[string, NodeJS.ProcessEnv, string | null]>([
    ['https://registry.example/', env, 'http://secure:1'],
    ['http://registry.example/', env, 'http://plain:2'],
    ['https://registry.example/', { HTTP_PROXY: 'http://plain:2' }, null],
    ['https://registry.example/', { ...env, https_proxy: 'http://lower:3' }, 'http://lower:3'],
    ['https://registry.example/', { ...env, https_proxy: '' }, null],
    ['https://127.0.0.1:5000/', env, null],
    ['https://localhost/', env, null],
    ['https://[::1]/', env, null],
    ['https://a.example/', { ...env, NO_PROXY: '*' }, null],
    ['https://a.example/', { ...env, NO_PROXY: 'x, example' }, null],
    ['https://a.example/', { ...env, no_proxy: '.example' }, null],
    ['https://a.example/', { ...env, NO_PROXY: '*.Example' }, null],
    ['https://anexample/', { ...env, NO_PROXY: 'example' }, 'http://secure:1'],
    ['https://a.example/', { ...env, NO_PROXY: 'a.example:443' }, null],
    ['https://a.example:5000/', { ...env, NO_PROXY: 'a.example:443' }, 'http://secure:1'],
    ['https://10.1.2.3/', { ...env, NO_PROXY: '10.0.0.0/8' }, null],
    ['https://11.1.2.3/', { ...env, NO_PROXY: '10.0.0.0/8,nonsense/8,10.0.0.0/99' }, 'http://secure:1'],
    ['https://[fd00::1]/', { ...env, NO_PROXY: 'fd00::/8' }, null],
    ['https://[fd00::1]/', { ...env, NO_PROXY: 'fd00::1' }, null],
  ])('to %s with %j is %j', (url, variables, expected) => {
    expect(proxyFor(new URL(url), variables)).toBe(expected);
  });

  it('is asked for what is not near', async () => {
    const asked: string[] = [];
    const proxy = createServer((request, response) => {
      asked.push(request.url ?? '', request.headers.host ?? '', request.headers['proxy-authorization'] ?? '');
      const to = new URL(new URL(request.url ?? '').pathname, lab.registry.origin);
      forward(to, { method: request.method ?? 'GET' }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      }).end();
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const HTTP_PROXY = `http://user:secret@127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const access = accessTo({ origin: 'http://registry.invalid' }, null);
    await using lab = await openRegistryLab({ client: { env: { HTTP_PROXY }, access } });
    const raw = Buffer.from('{"schemaVersion":2}');
    lab.registry.addManifest('team/app', 'v1', raw, OCI_MANIFEST);
    expect((await lab.repository.manifest('v1'))?.raw).toEqual(raw);
    const authorization = `Basic ${Buffer.from('user:secret').toString('base64')}`;
    expect(asked).toEqual(['http://registry.invalid/v2/team/app/manifests/v1', 'registry.invalid', authorization]);
    proxy.close();
  });
});

describe('a proxy that opens no tunnel', () => {
  const reach = async (status: number, scheme: string): Promise<{ error: unknown; lab: RegistryLab }> => {
    const access = accessTo({ origin: `${scheme}://registry.invalid` }, null);
    await using proxy = await openConnectProxy(1);
    proxy.refusal = status;
    const env = { HTTPS_PROXY: `http://me:s3cret@${proxy.origin}`, HTTP_PROXY: `http://me:s3cret@${proxy.origin}` };
    await using lab = await openRegistryLab({ client: { env, access, retryTimes: 2 } });
    const error: unknown = await lab.repository.manifest('v1').catch((thrown: unknown) => thrown);
    expect(String(error)).not.toContain('s3cret');
    return { error, lab };
  };

  it('is told from a registry that cannot be reached', async () => {
    const { error, lab } = await reach(403, 'https');
    expect(error).toMatchObject({ code: 'REGISTRY_UNREACHABLE', details: { reason: '403' } });
    expect((error as Error).message).toMatch(
      /the proxy 127\.0\.0\.1:\d+ answers 403 .* registry\.invalid:443; .*NO_PROXY/,
    );
    expect(lab.clock.waits).toEqual([]);
  });

  it('wants a password', async () => {
    const { error } = await reach(407, 'https');
    expect((error as Error).message).toContain('user and password in HTTPS_PROXY');
  });

  it('is asked again when that may help', async () => {
    const { error, lab } = await reach(503, 'https');
    expect(error).toMatchObject({ code: 'REGISTRY_UNREACHABLE', details: { reason: '503' } });
    expect(lab.clock.waits).toHaveLength(2);
  });

  it('may want a password for plain HTTP too', async () => {
    const { error } = await reach(407, 'http');
    expect(error).toMatchObject({ code: 'REGISTRY_UNREACHABLE', details: { reason: '407' } });
    expect((error as Error).message).toContain('give them in HTTP_PROXY');
  });
});
