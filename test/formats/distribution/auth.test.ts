import { describe, expect, it } from 'vitest';
import type { Credentials } from '../../../src/formats/distribution/access-types.ts';
import { parseChallenges } from '../../../src/formats/distribution/challenges.ts';
import { OCI_MANIFEST } from '../../../src/image/media-types.ts';
import { codeOf } from '../../support/code-of.ts';
import { accessTo, openRegistryLab } from '../../support/registry-lab.ts';
import { type ScriptedOptions, ScriptedRegistry } from '../../support/scripted-registry.ts';
import type { ScriptedAuth } from '../../support/scripted-tokens.ts';

const ALICE = { username: 'alice', password: 'pa:ss"word' };
const auth = (kind: ScriptedAuth['kind'], more: Partial<ScriptedAuth> = {}): { auth: ScriptedAuth } => ({
  auth: { kind, user: ALICE.username, password: ALICE.password, ...more },
});
const RAW = Buffer.from('{"schemaVersion":2}');

type Lab = Awaited<ReturnType<typeof openRegistryLab>>;
async function lab(
  options: ScriptedOptions,
  credentials?: Credentials,
  client: NonNullable<Parameters<typeof openRegistryLab>[0]>['client'] = {},
): Promise<Lab> {
  const made = await openRegistryLab({ ...options, ...(credentials === undefined ? {} : { credentials }), client });
  made.registry.addManifest('team/app', 'v1', RAW, OCI_MANIFEST);
  return made;
}

describe('who asks', () => {
  it('is told to a registry that wants a password, after it has said so', async () => {
    await using made = await lab(auth('basic'), ALICE);
    expect((await made.repository.manifest('v1'))?.raw).toEqual(RAW);
    await made.repository.manifest('v1');
    const headers = made.registry.seen.map((request) => request.headers.authorization?.split(' ')[0]);
    expect(headers).toEqual([undefined, 'Basic', 'Basic']);
  });

  it.each([auth('basic'), auth('bearer')])('must be somebody who may', async (options) => {
    await using nobody = await lab(options);
    expect(await codeOf(nobody.repository.manifest('v1'))).toBe('REGISTRY_UNAUTHORIZED');
    await using wrong = await lab(options, { username: 'alice', password: 'secret-pw' });
    const error = await wrong.repository.manifest('v1').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'REGISTRY_UNAUTHORIZED', details: { host: wrong.registry.host, status: 401 } });
    expect(JSON.stringify(error) + String(error)).not.toMatch(/secret-pw|c2VjcmV0/);
    expect(wrong.registry.seen.length).toBeLessThan(5);
  });

  it('is a token for what is done, asked for once', async () => {
    await using made = await lab(auth('bearer', { expiresInSec: 300 }), ALICE);
    await made.repository.manifest('v1');
    await Promise.all([1, 2, 3].map(() => made.repository.manifest('v1')));
    await made.repository.putManifest('v2', RAW, OCI_MANIFEST);
    const pull = { method: 'GET', scopes: ['repository:team/app:pull'], named: true };
    const push = { ...pull, scopes: ['repository:team/app:pull,push'] };
    expect(made.registry.tokens.asked).toEqual([pull, push]);
    expect(made.registry.requests('GET', /token/)[0]!.url).toContain('service=scripted+%22one%22');
  });

  it('is nobody where nobody is enough', async () => {
    await using made = await lab(auth('bearer', { anonymous: true }));
    expect((await made.repository.manifest('v1'))?.raw).toEqual(RAW);
    expect(made.registry.tokens.asked).toMatchObject([{ named: false }]);
  });

  it('is whom a refresh token stands for', async () => {
    await using made = await lab(auth('bearer', { identityToken: 'refresh' }), { identityToken: 'refresh' });
    expect((await made.repository.manifest('v1'))?.raw).toEqual(RAW);
    expect(made.registry.tokens.asked).toMatchObject([{ method: 'POST', named: true }]);
  });

  it('has the right to read where a blob is mounted from', async () => {
    await using made = await lab(auth('bearer'), ALICE);
    const digest = made.registry.addBlob('library/base', RAW);
    expect(await made.repository.mount(digest, 'library/base')).toBe(true);
    expect(made.registry.tokens.asked.at(-1)!.scopes.toSorted()).toEqual([
      'repository:library/base:pull',
      'repository:team/app:pull,push',
    ]);
  });

  it('gets a new token when one ends, and when one is refused before its time', async () => {
    await using made = await lab(auth('bearer', { expiresInSec: 300 }), ALICE);
    const digest = made.registry.addBlob('team/app', RAW);
    await made.repository.manifest('v1');
    made.clock.advance(299_000);
    await made.repository.manifest('v1');
    expect(made.registry.tokens.asked).toHaveLength(2);
    made.registry.tokens.expire();
    await Promise.all([1, 2, 3].map(() => made.repository.download({ digest, size: RAW.length }, made.path())));
    expect(made.registry.tokens.asked).toHaveLength(3);
  });

  it('is asked anew when a password is refused, as a helper may know a better one', async () => {
    const given: Credentials[] = [{ username: 'alice', password: 'old' }, ALICE];
    await using registry = await ScriptedRegistry.open(auth('basic'));
    const access = { ...accessTo({ origin: registry.origin }, null), credentials: async () => given.shift() ?? null };
    await using made = await lab({}, undefined, { access });
    registry.addManifest('team/app', 'v1', RAW, OCI_MANIFEST);
    expect((await made.repository.manifest('v1'))?.raw).toEqual(RAW);
  });

  it('is not told to another host, where a redirect leads', async () => {
    await using made = await lab(auth('bearer'), ALICE);
    await using other = await ScriptedRegistry.open();
    const digest = other.addBlob('team/app', RAW);
    const Location = `${other.origin}/v2/team/app/blobs/${digest}?X-Signature=secret`;
    await made.repository.manifest('v1');
    made.registry.fail({ path: /blobs/ }, { is: 'status', status: 307, headers: { Location } });
    await made.repository.download({ digest, size: RAW.length }, made.path());
    expect(other.seen).toHaveLength(1);
    expect(other.seen[0]!.headers.authorization).toBeUndefined();

    made.registry.fail({ path: /blobs/ }, { is: 'status', status: 307, headers: { Location } });
    other.fail({}, { is: 'status', status: 403, body: '<Error>SignatureDoesNotMatch</Error>' });
    const error = await made.repository.download({ digest, size: RAW.length }, made.path()).catch(String);
    expect(error).toContain(other.host);
    expect(error).not.toContain('secret');
  });

  it.each(['http://token.example/token', 'ftp://127.0.0.1/', 'no address'])(
    'is not told in the clear to %s',
    async (realm) => {
      await using made = await lab(auth('bearer', { realm }), ALICE);
      expect(await codeOf(made.repository.manifest('v1'))).toBe('REGISTRY_PROTOCOL');
    },
  );

  it('does not follow redirects for ever', async () => {
    await using made = await lab({});
    const headers = { Location: '/v2/team/app/manifests/v1' };
    made.registry.fail({}, { is: 'status', status: 307, headers }, 100);
    expect(await codeOf(made.repository.manifest('v1'))).toBe('REGISTRY_PROTOCOL');
    expect(made.registry.seen).toHaveLength(11);
  });
});

describe('challenges', () => {
  it.each<[string | string[], unknown[]]>([
    ['Basic realm="a, b"', [['basic', { realm: 'a, b' }]]],
    [
      'Basic realm=x, Bearer realm="https://a/t",scope="repository:a:pull,push"',
      [
        ['basic', { realm: 'x' }],
        ['bearer', { realm: 'https://a/t', scope: 'repository:a:pull,push' }],
      ],
    ],
    [
      ['Negotiate', 'bearer Realm = "q\\"q" , service='],
      [
        ['negotiate', {}],
        ['bearer', { realm: 'q"q', service: '' }],
      ],
    ],
    ['', []],
    [',,', []],
    ['"', []],
  ])('of %j', (header, expected) => {
    const found = parseChallenges(header).map(({ scheme, params }) => [scheme, Object.fromEntries(params)]);
    expect(found).toEqual(expected);
  });
});
