import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toWire } from '../../../src/errors/wire.ts';
import { openAccess } from '../../../src/formats/distribution/access.ts';
import type { Endpoint } from '../../../src/formats/distribution/access-types.ts';
import type { RegistryOptions } from '../../../src/formats/distribution/registry.ts';
import { codeOf } from '../../support/code-of.ts';
import { openRegistryFiles, type RegistryFiles } from '../../support/registry-files.ts';

let files: RegistryFiles;
beforeEach(() => {
  files = openRegistryFiles();
});
afterEach(() => files.close());

const CONF = 'etc/containers/registries.conf';

const endpoints = (host: string, name: string, options: RegistryOptions = {}): Promise<Endpoint[]> =>
  openAccess(options, files.places).endpoints(host, name);

/** `host/name`, with `!` where it is insecure. */
async function placed(host: string, name: string, options: RegistryOptions = {}): Promise<string[]> {
  const found = await endpoints(host, name, options);
  return found.map((endpoint) => `${endpoint.host}/${endpoint.name}${endpoint.insecure ? '!' : ''}`);
}

describe('a registry that nothing is said about', () => {
  it.each([
    ['quay.io', 'https://quay.io'],
    ['localhost:5000', 'https://localhost:5000'],
    ['127.0.0.1', 'https://127.0.0.1'],
    ['[::1]:5000', 'https://[::1]:5000'],
    ['docker.io', 'https://registry-1.docker.io'],
  ])('%s is where it is called, over TLS', async (host, origin) => {
    expect(await endpoints(host, 'a/b')).toEqual([
      { origin, host, name: 'a/b', mirror: false, insecure: false, tls: {} },
    ]);
  });

  it('has a catalog too', async () => {
    expect(await endpoints('quay.io', '')).toMatchObject([{ host: 'quay.io', name: '' }]);
  });

  it('may be spoken to without TLS when that is said', async () => {
    expect(await placed('quay.io', 'a', { tlsVerify: false })).toEqual(['quay.io/a!']);
    const hosts = [
      { registry: 'quay.io', tlsVerify: false },
      { registry: 'quay.io/safe', tlsVerify: true },
    ];
    expect(await placed('quay.io', 'a', { hosts })).toEqual(['quay.io/a!']);
    expect(await placed('quay.io', 'safe/a', { hosts, tlsVerify: false })).toEqual(['quay.io/safe/a']);
    expect(await placed('other.io', 'a', { hosts })).toEqual(['other.io/a']);
  });
});

describe('registries.conf', () => {
  it('gives mirrors in their order, the registry itself last', async () => {
    files.write(
      CONF,
      `
      [[registry]]
      location = "quay.io"
      [[registry.mirror]]
      location = "m1.io:5000/quay"
      insecure = true
      [[registry.mirror]]
      location = "m2.io/"
      pull-from-mirror = "digest-only"
      [[registry.mirror]]
      location = "m3.io"
      pull-from-mirror = "tag-only"
      `,
    );
    expect(await endpoints('quay.io', 'a/b')).toEqual([
      { origin: 'https://m1.io:5000', host: 'm1.io:5000', name: 'quay/a/b', mirror: true, insecure: true, tls: {} },
      {
        origin: 'https://m2.io',
        host: 'm2.io',
        name: 'a/b',
        mirror: true,
        pullsByDigestOnly: true,
        insecure: false,
        tls: {},
      },
      {
        origin: 'https://m3.io',
        host: 'm3.io',
        name: 'a/b',
        mirror: true,
        pullsByTagOnly: true,
        insecure: false,
        tls: {},
      },
      { origin: 'https://quay.io', host: 'quay.io', name: 'a/b', mirror: false, insecure: false, tls: {} },
    ]);
  });

  it('mirror-by-digest-only is for all of them', async () => {
    files.write(
      CONF,
      '[[registry]]\nlocation="q.io"\nmirror-by-digest-only=true\n[[registry.mirror]]\nlocation="m.io"\n',
    );
    expect(await endpoints('q.io', 'a')).toMatchObject([{ pullsByDigestOnly: true }, { host: 'q.io' }]);
  });

  it('the longest prefix wins, and ends where a part of the name ends', async () => {
    files.write(
      CONF,
      `
      [[registry]]
      prefix = "quay.io/a"
      location = "one.io/x"
      [[registry]]
      prefix = "quay.io/a/b"
      location = "two.io"
      insecure = true
      [[registry]]
      prefix = "quay.io"
      location = "three.io/y"
      `,
    );
    expect(await placed('quay.io', 'a')).toEqual(['one.io/x']);
    expect(await placed('quay.io', 'a/bc')).toEqual(['one.io/x/bc']);
    expect(await placed('quay.io', 'a/b/c')).toEqual(['two.io/c!']);
    expect(await placed('quay.io', 'ab')).toEqual(['three.io/y/ab']);
    expect(await placed('quay.iox', 'a')).toEqual(['quay.iox/a']);
  });

  it('a star stands for the beginning of a host', async () => {
    files.write(
      CONF,
      `
      [[registry]]
      prefix = "*.example.com"
      insecure = true
      [[registry]]
      prefix = "*.eu.example.com"
      location = "eu.io/all"
      [[registry]]
      prefix = "x.example.com/y"
      location = "xy.io"
      `,
    );
    expect(await placed('a.example.com', 'n')).toEqual(['a.example.com/n!']);
    expect(await placed('a.b.example.com:5000', 'n')).toEqual(['a.b.example.com:5000/n!']);
    expect(await placed('a.eu.example.com', 'n')).toEqual(['eu.io/all/n']);
    expect(await placed('example.com', 'n')).toEqual(['example.com/n']);
    expect(await placed('q.io', 'a.example.com')).toEqual(['q.io/a.example.com']);
    expect(await placed('x.example.com', 'y')).toEqual(['xy.io/']);
  });

  it('Docker Hub is docker.io in it', async () => {
    files.write(CONF, '[[registry]]\nlocation="docker.io"\n[[registry.mirror]]\nlocation="mirror.gcr.io"\n');
    const found = await endpoints('index.docker.io', 'library/busybox');
    expect(found.map(({ origin }) => origin)).toEqual(['https://mirror.gcr.io', 'https://registry-1.docker.io']);
  });

  it('--tls-verify goes before it, both ways', async () => {
    files.write(CONF, '[[registry]]\nlocation="q.io"\ninsecure=true\n[[registry.mirror]]\nlocation="m.io"\n');
    expect(await placed('q.io', 'a')).toEqual(['m.io/a', 'q.io/a!']);
    expect(await placed('q.io', 'a', { tlsVerify: true })).toEqual(['m.io/a', 'q.io/a']);
    expect(await placed('q.io', 'a', { tlsVerify: false })).toEqual(['m.io/a!', 'q.io/a!']);
  });

  it('may block what is below a prefix', async () => {
    const path = files.write(CONF, '[[registry]]\nlocation="q.io"\n[[registry]]\nlocation="q.io/bad"\nblocked=true\n');
    expect(await placed('q.io', 'good')).toEqual(['q.io/good']);
    const error = await endpoints('q.io', 'bad/x').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'REGISTRY_BLOCKED', kind: 'Conflict', details: { host: 'q.io', file: path } });
    expect(toWire(error).message).toContain(path);
  });

  it('has an older form', async () => {
    files.write(
      CONF,
      '[registries.search]\nregistries=["docker.io"]\n[registries.insecure]\nregistries=["i.io:5000"]\n[registries.block]\nregistries=["b.io"]\n',
    );
    expect(await placed('i.io:5000', 'a')).toEqual(['i.io:5000/a!']);
    expect(await placed('docker.io', 'a')).toEqual(['docker.io/a']);
    expect(await codeOf(endpoints('b.io', 'a'))).toBe('REGISTRY_BLOCKED');
  });
});

describe('the files of registries.conf', () => {
  const moved = (location: string): string => `[[registry]]\nprefix="q.io"\nlocation="${location}"\n`;
  const at = async (options?: RegistryOptions): Promise<string> => (await endpoints('q.io', 'a', options))[0]!.host;

  it('go before one another', async () => {
    files.write('etc/containers/registries.conf.d/1.conf', moved('etc-d.io'));
    expect(await at()).toBe('etc-d.io');
    files.write('etc/containers/registries.conf.d/1.conf', '');
    files.write(CONF, moved('etc.io'));
    expect(await at()).toBe('etc.io');
    files.write('home/.config/containers/registries.conf', moved('home.io'));
    expect(await at()).toBe('home.io');
    files.places.env['CONTAINERS_REGISTRIES_CONF'] = files.write('env.conf', moved('env.io'));
    expect(await at()).toBe('env.io');
    expect(await at({ registriesConf: files.write('option.conf', moved('option.io')) })).toBe('option.io');
  });

  it('in registries.conf.d replace what was said before, in the order of their names', async () => {
    files.write(CONF, `${moved('conf.io')}[[registry]]\nlocation="kept.io"\ninsecure=true\n`);
    files.write('etc/containers/registries.conf.d/10-a.conf', moved('a.io'));
    files.write('etc/containers/registries.conf.d/20-b.conf', moved('b.io'));
    files.write('etc/containers/registries.conf.d/30-c.conf.bak', moved('c.io'));
    expect(await at()).toBe('b.io');
    expect(await placed('kept.io', 'a')).toEqual(['kept.io/a!']);
    files.write('home/.config/containers/registries.conf.d/00.conf', moved('own.io'));
    expect(await at()).toBe('own.io');
  });

  it('of the machine do not count beside one of the person', async () => {
    files.write('etc/containers/registries.conf.d/1.conf', moved('etc-d.io'));
    files.write('home/.config/containers/registries.conf', '');
    expect(await at()).toBe('q.io');
  });

  it('must be there when they are asked for', async () => {
    expect(await codeOf(at({ registriesConf: '/nowhere/registries.conf' }))).toBe('FILE_NOT_FOUND');
  });

  it.each([
    ['[[registry]\n', 'line 1'],
    ['[[registry]]\nlocation="https://q.io"', 'scheme'],
    ['[[registry]]\nlocation=5', 'registry.0.location'],
    ['[[registry]]\nlocation="q.io x"', 'host:port/path'],
    ['[[registry]]\ninsecure=true', 'neither'],
    ['[[registry]]\nprefix="q.io"', 'no location'],
    ['[[registry]]\nprefix="*.q.io/x"', 'star'],
    ['[[registry]]\nprefix="a.*.io"\nlocation="q.io"', 'a.*.io'],
    ['[[registry]]\nlocation="q.io"\n[[registry.mirror]]\ninsecure=true', 'mirror.0.location'],
    ['[[registry]]\nlocation="q.io"\n[[registry.mirror]]\nlocation="m.io"\npull-from-mirror="never"', 'never'],
    [
      '[[registry]]\nlocation="q.io"\nmirror-by-digest-only=true\n[[registry.mirror]]\nlocation="m.io"\npull-from-mirror="all"',
      'keep one',
    ],
    ['[[registry]]\nlocation="q.io"\n[registries.block]\nregistries=["b.io"]', 'mixes'],
    ['registry = "q.io"', 'registry'],
  ])('%j is named with its file', async (text, problem) => {
    const path = files.write(CONF, text);
    const error = await endpoints('q.io', 'a').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'INVALID_SETTING', details: { file: path } });
    expect(toWire(error).message).toContain(problem);
  });
});

describe('certificates', () => {
  const pem = (what: string): string => `-----BEGIN ${what}-----\nAAAA\n-----END ${what}-----\n`;
  const tls = async (host: string, options?: RegistryOptions): Promise<Endpoint['tls']> =>
    (await endpoints(host, 'a', options))[0]!.tls;

  it('are in the first directory of the host that there is', async () => {
    files.write('etc/docker/certs.d/q.io:5000/ca.crt', pem('DOCKER'));
    expect(await tls('q.io:5000')).toEqual({ ca: [pem('DOCKER')] });
    files.write('etc/containers/certs.d/q.io:5000/ca.crt', pem('CONTAINERS'));
    expect(await tls('q.io:5000')).toEqual({ ca: [pem('CONTAINERS')] });
    mkdirSync(join(files.places.home, '.config/containers/certs.d/q.io:5000'), { recursive: true });
    expect(await tls('q.io:5000')).toEqual({});
    expect(await tls('q.io')).toEqual({});
  });

  it('are several authorities, and one pair that says who we are', async () => {
    for (const name of ['b.crt', 'a.crt', 'z.cert', 'z.key', 'c.cert', 'c.key', 'README']) {
      files.write(`etc/containers/certs.d/q.io/${name}`, pem(name));
    }
    expect(await tls('q.io')).toEqual({ ca: [pem('a.crt'), pem('b.crt')], cert: pem('c.cert'), key: pem('c.key') });
  });

  it('--cert-dir goes before, for every host', async () => {
    files.write('etc/containers/certs.d/q.io/ca.crt', pem('ETC'));
    files.write('certs/ca.crt', pem('DIR'));
    const certDir = join(files.places.root, 'certs');
    expect(await tls('q.io', { certDir })).toEqual({ ca: [pem('DIR')] });
    expect(await tls('other.io', { certDir })).toEqual({ ca: [pem('DIR')] });
    expect(await codeOf(tls('q.io', { certDir: `${certDir}x` }))).toBe('FILE_NOT_FOUND');
    const hosts = [{ registry: 'q.io', certDir }];
    expect(await tls('q.io', { hosts })).toEqual({ ca: [pem('DIR')] });
    expect(await tls('q.io', { hosts, certDir: `${certDir}x` })).toEqual({ ca: [pem('DIR')] });
    expect(await tls('third.io', { hosts })).toEqual({});
  });

  it.each([
    ['me.cert', pem('X'), '"me.key" is missing'],
    ['me.key', pem('X'), '"me.cert" is missing'],
    ['ca.crt', 'binary', 'PEM'],
  ])('%s alone, or in another form, is named', async (name, text, problem) => {
    const path = files.write(`etc/containers/certs.d/q.io/${name}`, text);
    const error = await tls('q.io').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'INVALID_SETTING', details: { file: path } });
    expect(toWire(error).message).toContain(problem);
  });
});
