import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toWire } from '../../../src/errors/wire.ts';
import { openAccess } from '../../../src/formats/distribution/access.ts';
import type { Access, Credentials } from '../../../src/formats/distribution/access-types.ts';
import { askHelper } from '../../../src/formats/distribution/credential-helper.ts';
import type { RegistryOptions } from '../../../src/formats/distribution/registry.ts';
import { codeOf } from '../../support/code-of.ts';
import { basic, openRegistryFiles, type RegistryFiles } from '../../support/registry-files.ts';

let files: RegistryFiles;
beforeEach(() => {
  files = openRegistryFiles();
});
afterEach(() => files.close());

const access = (options: RegistryOptions = {}): Access => openAccess(options, files.places);
const ask = (host: string, name = 'a/b', options: RegistryOptions = {}): Promise<Credentials | null> =>
  access(options).credentials(host, name);
const user = (username: string): Credentials => ({ username, password: `of ${username}` });
const auth = (username: string): object => basic(username, `of ${username}`);
const DOCKER = 'home/.docker/config.json';

describe('the files of the search order', () => {
  const uid = String(process.getuid?.());

  it('without any of them one is nobody', async () => {
    expect(await ask('quay.io')).toBe(null);
  });

  it('are asked one after the other', async () => {
    files.write(DOCKER, { auths: { 'quay.io': auth('docker') } });
    expect(await ask('quay.io')).toEqual(user('docker'));
    files.write('home/.config/containers/auth.json', { auths: { 'quay.io': auth('config') } });
    expect(await ask('quay.io')).toEqual(user('config'));
    files.write(`run/containers/${uid}/auth.json`, { auths: { 'quay.io': auth('run') } });
    expect(await ask('quay.io')).toEqual(user('run'));
  });

  it('are where variables say', async () => {
    const { env, root } = files.places;
    files.write(DOCKER, { auths: { 'quay.io': auth('home') } });
    files.write('d/config.json', { auths: { 'quay.io': auth('d') } });
    files.write('c/containers/auth.json', { auths: { 'quay.io': auth('c') } });
    files.write('r/containers/auth.json', { auths: { 'quay.io': auth('r') } });
    env['DOCKER_CONFIG'] = join(root, 'd');
    expect(await ask('quay.io')).toEqual(user('d'));
    env['XDG_CONFIG_HOME'] = join(root, 'c');
    expect(await ask('quay.io')).toEqual(user('c'));
    env['XDG_RUNTIME_DIR'] = join(root, 'r');
    expect(await ask('quay.io')).toEqual(user('r'));
    env['REGISTRY_AUTH_FILE'] = files.write('one.json', { auths: { 'quay.io': auth('one') } });
    expect(await ask('quay.io')).toEqual(user('one'));
    const authFile = files.write('flag.json', { auths: { 'other.io': auth('flag') } });
    expect(await ask('other.io', 'a', { authFile })).toEqual(user('flag'));
    expect(await ask('quay.io', 'a', { authFile })).toBe(null);
  });

  it('count as empty when they are', async () => {
    files.write('home/.config/containers/auth.json', '');
    files.write(DOCKER, { auths: { 'quay.io': auth('docker') }, HttpHeaders: {}, detachKeys: 'x' });
    expect(await ask('quay.io')).toEqual(user('docker'));
  });

  it('are read by an Access once for a while', async () => {
    const file = files.write(DOCKER, { auths: { 'quay.io': auth('first') } });
    const kept = access();
    expect(await kept.credentials('quay.io', 'a')).toEqual(user('first'));
    files.write(DOCKER, { auths: { 'quay.io': auth('second') } });
    expect(readFileSync(file, 'utf8')).not.toBe('');
    expect(await kept.credentials('quay.io', 'a')).toEqual(user('first'));
    expect(await ask('quay.io')).toEqual(user('second'));
  });
});

describe('the keys of a file', () => {
  it('the most specific one says most', async () => {
    const auths = {
      'quay.io/a/b': auth('ab'),
      'quay.io': auth('host'),
      'quay.io/a': auth('a'),
      'quay.io:443': auth('p'),
    };
    files.write(DOCKER, { auths });
    expect(await ask('quay.io', 'a/b')).toEqual(user('ab'));
    expect(await ask('quay.io', 'a/b/c')).toEqual(user('ab'));
    expect(await ask('quay.io', 'a/bc')).toEqual(user('a'));
    expect(await ask('quay.io', 'ab')).toEqual(user('host'));
    expect(await ask('quay.io', '')).toEqual(user('host'));
    expect(await ask('quay.io:443', 'a')).toEqual(user('p'));
    expect(await ask('quay.io:5000', 'a')).toBe(null);
  });

  it.each([
    ['docker.io', 'docker.io'],
    ['index.docker.io', 'docker.io'],
    ['https://index.docker.io/v1/', 'docker.io'],
    ['registry-1.docker.io', 'docker.io'],
    ['docker.io/library', 'docker.io'],
    ['docker.io', 'index.docker.io'],
    ['https://quay.io/v1/', 'quay.io'],
    ['https://quay.io/v2/', 'quay.io'],
    ['http://quay.io', 'quay.io'],
    ['quay.io/', 'quay.io'],
    ['quay.io/v1/', 'quay.io'],
    ['https://quay.io:5000/v2', 'quay.io:5000'],
    ['Quay.IO', 'quay.io'],
  ])('%s is for %s', async (key, host) => {
    files.write(DOCKER, { auths: { 'elsewhere.io': auth('x'), [key]: auth('me') } });
    expect(await ask(host, 'library/busybox')).toEqual(user('me'));
  });

  it('the plain spelling goes before the old one', async () => {
    files.write(DOCKER, { auths: { 'https://quay.io/v1/': auth('old'), 'quay.io': auth('plain') } });
    expect(await ask('quay.io')).toEqual(user('plain'));
  });

  it('names of objects are only names', async () => {
    files.write(DOCKER, '{"auths":{"__proto__":{"auth":"bWU6eA=="},"quay.io":{}}}');
    expect(await ask('quay.io', '__proto__')).toBe(null);
    expect(await ask('constructor', 'toString')).toBe(null);
  });
});

describe('an entry', () => {
  it.each([
    [basic('me', 'a:b:c'), { username: 'me', password: 'a:b:c' }],
    [basic('me', ''), { username: 'me', password: '' }],
    [basic('me', 'zeros\0\0'), { username: 'me', password: 'zeros' }],
    [
      { username: 'me', password: 'pw' },
      { username: 'me', password: 'pw' },
    ],
    [{ ...basic('0000', ''), identitytoken: 'id' }, { identityToken: 'id' }],
    [{ registrytoken: 'rt' }, { registryToken: 'rt' }],
    [{}, null],
    [{ auth: '' }, null],
    [{ auth: null, email: 'x' }, null],
  ])('%j', async (entry, credentials) => {
    files.write(DOCKER, { auths: { 'quay.io': entry } });
    expect(await ask('quay.io')).toEqual(credentials);
  });

  it('without a secret leaves the less specific one and the next file to speak', async () => {
    files.write('home/.config/containers/auth.json', { auths: { 'quay.io/a': {} } });
    files.write(DOCKER, { auths: { 'quay.io/a': {}, 'quay.io': auth('host') } });
    expect(await ask('quay.io', 'a')).toEqual(user('host'));
  });
});

describe('a file that cannot be understood', () => {
  it.each([
    ['{"auths":{"quay.io":{"auth":"s3cret" "x"}}}', 'JSON'],
    ['["s3cret"]', 'list'],
    ['{"auths":"s3cret"}', 'auths'],
    ['{"auths":{"quay.io":"s3cret"}}', 'auths.quay.io'],
    ['{"auths":{"quay.io":{"auth":["s3cret"]}}}', 'auths.quay.io.auth'],
    ['{"auths":{"quay.io":{"password":53127}}}', 'auths.quay.io.password'],
    ['{"auths":{"quay.io":{"auth":"s3cret!"}}}', 'base64'],
    ['{"auths":{"quay.io":{"auth":"czNjcmV0"}}}', 'base64'],
    ['{"credHelpers":{"quay.io":1}}', 'credHelpers'],
    ['{"credsStore":"../s3cret"}', 'no name of a credential helper'],
  ])('%s is named, and nothing in it is shown', async (text, problem) => {
    const path = files.write(DOCKER, text);
    const error = await ask('quay.io').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'INVALID_SETTING', details: { file: path } });
    const { message, cause, details } = toWire(error);
    expect(message).toContain(path);
    expect(message).toContain(problem);
    if (!text.includes('..')) expect(JSON.stringify([message, cause, details])).not.toMatch(/s3cret|53127|czNjcmV0/);
  });

  it('a directory, and a file that is too large, are no such file', async () => {
    mkdirSync(join(files.places.root, DOCKER), { recursive: true });
    expect(await codeOf(ask('quay.io'))).toBe('INVALID_SETTING');
    const authFile = files.write('big.json', ' '.repeat(1024 * 1024 + 1));
    expect(await codeOf(ask('quay.io', 'a', { authFile }))).toBe('INVALID_SETTING');
  });

  it('one that was asked for must be there', async () => {
    expect(await codeOf(ask('quay.io', 'a', { authFile: '/nowhere/auth.json' }))).toBe('FILE_NOT_FOUND');
    files.places.env['REGISTRY_AUTH_FILE'] = '/nowhere/auth.json';
    expect(await codeOf(ask('quay.io'))).toBe('FILE_NOT_FOUND');
    expect(await ask('quay.io', 'a', { noCreds: true })).toBe(null);
  });
});

describe('flags', () => {
  it('--creds goes before files, and its password may have colons', async () => {
    files.write(DOCKER, { auths: { 'quay.io': auth('file') } });
    expect(await ask('quay.io', 'a', { creds: 'me:a:b' })).toEqual({ username: 'me', password: 'a:b' });
    expect(await ask('quay.io', 'a', { creds: 'me:' })).toEqual({ username: 'me', password: '' });
  });

  it('--creds is for the registry that is named, not for its mirror', async () => {
    files.write(
      'etc/containers/registries.conf',
      '[[registry]]\nlocation="quay.io"\n[[registry.mirror]]\nlocation="m.io/q"\n',
    );
    files.write(DOCKER, { auths: { 'm.io': auth('mirror') } });
    const both = access({ creds: 'me:pw' });
    await both.endpoints('quay.io', 'a');
    expect(await both.credentials('quay.io', 'a')).toEqual({ username: 'me', password: 'pw' });
    expect(await both.credentials('m.io', 'q/a')).toEqual(user('mirror'));
    await both.endpoints('m.io', 'x');
    expect(await both.credentials('m.io', 'x')).toEqual({ username: 'me', password: 'pw' });
  });

  it('--no-creds reads no file', async () => {
    files.write(DOCKER, 'no JSON');
    expect(await ask('quay.io', 'a', { noCreds: true })).toBe(null);
  });

  it.each([[{ creds: 's3cret' }], [{ creds: ':s3cret' }], [{ creds: '' }], [{ creds: 'a:s3cret', noCreds: true }]])(
    '%j is refused without showing it',
    (options) => {
      const refuse = (): unknown => access(options);
      expect(refuse).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
      expect(refuse).not.toThrow(/s3cret/);
    },
  );
});

describe('a credential helper', () => {
  /** Answers with what it was asked for. */
  const echo = `read -r server; printf '{"ServerURL":"%s","Username":"%s","Secret":"of %s"}' "$server" "$server" "$server"`;

  it('is asked for its host under the key in the file', async () => {
    files.helper('x', echo);
    files.write(DOCKER, {
      credHelpers: { 'quay.io': 'x', 'https://index.docker.io/v1/': 'x' },
      auths: { 'g.io': auth('g') },
    });
    expect(await ask('quay.io')).toEqual(user('quay.io'));
    expect(await ask('docker.io')).toEqual(user('https://index.docker.io/v1/'));
    expect(await ask('g.io')).toEqual(user('g'));
    expect(await ask('other.io')).toBe(null);
  });

  it('for all hosts is asked last, as Docker does', async () => {
    files.helper('x', echo);
    files.write(DOCKER, { credsStore: 'x', auths: { 'quay.io': {}, 'g.io': auth('g') } });
    expect(await ask('quay.io:5000')).toEqual(user('quay.io:5000'));
    expect(await ask('docker.io')).toEqual(user('https://index.docker.io/v1/'));
    expect(await ask('g.io')).toEqual(user('g'));
  });

  it('may have an identity token', async () => {
    files.helper('x', `printf '{"Username":"<token>","Secret":"id"}'`);
    files.write(DOCKER, { credsStore: 'x' });
    expect(await ask('quay.io')).toEqual({ identityToken: 'id' });
  });

  it.each(['echo "credentials not found in native keychain"; exit 1', `printf '{"Username":"","Secret":""}'`])(
    'that knows nothing leaves the next file to speak: %s',
    async (script) => {
      files.helper('x', script);
      files.write('home/.config/containers/auth.json', { credHelpers: { 'quay.io': 'x' } });
      files.write(DOCKER, { auths: { 'quay.io': auth('docker') } });
      expect(await ask('quay.io')).toEqual(user('docker'));
    },
  );

  it('is run once for many who ask at the same time', async () => {
    const count = files.write('count', '');
    files.helper('x', `echo x >> ${count}; sleep 0.1; ${echo}`);
    files.write(DOCKER, { credsStore: 'x' });
    const one = access();
    await Promise.all(['a', 'b', 'c'].map((name) => one.credentials('quay.io', name)));
    expect(await one.credentials('quay.io', 'd')).toEqual(user('quay.io'));
    expect(readFileSync(count, 'utf8')).toBe('x\n');
  });

  it('that is missing is named, with the file that wants it', async () => {
    const path = files.write(DOCKER, { credsStore: 'not-here' });
    const error = await ask('quay.io').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'PROGRAM_MISSING', details: { program: 'docker-credential-not-here' } });
    expect(toWire(error).message).toContain(path);
  });

  it.each([
    ['echo s3cret; echo s3cret >&2; exit 3', 'exit code 3'],
    ['echo s3cret', 'JSON'],
    [`printf '{"Username":"s3cret"}'`, 'JSON'],
    ['head -c 300000 /dev/zero; sleep 60', 'no whole answer'],
  ])('that fails is named, and what it prints is not shown: %s', async (script, problem) => {
    files.helper('x', script);
    files.write(DOCKER, { credsStore: 'x' });
    const error = await ask('quay.io').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'CREDENTIAL_HELPER_FAILED', details: { helper: 'x', server: 'quay.io' } });
    const { message, cause } = toWire(error);
    expect(message).toContain(problem);
    expect(message + String(cause)).not.toContain('s3cret');
  });

  it('that cannot be run is named', async () => {
    files.write('bin/docker-credential-x', 'no program');
    files.write(DOCKER, { credsStore: 'x' });
    expect(await codeOf(ask('quay.io'))).toBe('CREDENTIAL_HELPER_FAILED');
  });

  it('that does not answer is not waited for, nor are those it started', async () => {
    files.helper('x', 'sleep 60 & sleep 60');
    const question = { helper: 'x', server: 'quay.io', file: 'f', env: files.places.env, timeoutMs: 200 };
    const started = performance.now();
    expect(await codeOf(askHelper(question))).toBe('CREDENTIAL_HELPER_FAILED');
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

describe('what is said of some registries', () => {
  const hosts = (more: RegistryOptions['hosts'] = []): RegistryOptions => ({
    hosts: [
      { registry: 'quay.io', credentials: { username: 'host', password: 'of host' } },
      { registry: 'quay.io/team', credentials: { username: 'team', password: 'of team' } },
      { registry: 'index.docker.io', credentials: { username: 'hub', password: 'of hub' } },
      { registry: 'quay.io/team/app', tlsVerify: false },
      ...more,
    ],
  });

  it('comes before the files, the longest name first', async () => {
    files.write(DOCKER, { auths: { 'quay.io': auth('file'), 'other.io': auth('file') } });
    expect(await ask('quay.io', 'a/b', hosts())).toEqual(user('host'));
    expect(await ask('quay.io', 'team/app', hosts())).toEqual(user('team'));
    expect(await ask('docker.io', 'library/x', hosts())).toEqual(user('hub'));
    expect(await ask('other.io', 'a', hosts())).toEqual(user('file'));
    expect(await ask('other.io:5000', 'a', hosts())).toBe(null);
  });

  it('may be a file, and then is that one and no other', async () => {
    files.write(DOCKER, { auths: { 'own.io': auth('docker') } });
    const authFile = files.write('own.json', { auths: { 'own.io/a': auth('own') } });
    expect(await ask('own.io', 'a', hosts([{ registry: 'own.io', authFile }]))).toEqual(user('own'));
    expect(await ask('own.io', 'b', hosts([{ registry: 'own.io', authFile }]))).toBe(null);
    const missing = ask('own.io', 'b', hosts([{ registry: 'own.io', authFile: '/none' }]));
    expect(await codeOf(missing)).toBe('FILE_NOT_FOUND');
  });

  it('comes after what a command line says', async () => {
    expect(await ask('quay.io', 'a', { ...hosts(), creds: 'typed:of typed' })).toEqual(user('typed'));
    expect(await ask('quay.io', 'a', { ...hosts(), noCreds: true })).toBe(null);
  });
});
