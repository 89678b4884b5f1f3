import { afterEach, describe, expect, it } from 'vitest';
import { signedPayload } from '../../../src/formats/distribution/payload-digest.ts';
import { type Digest, sha256Digest } from '../../../src/identity/digest.ts';
import { OCI_INDEX, OCI_MANIFEST } from '../../../src/image/media-types.ts';
import { repositoryContent } from '../../../src/formats/distribution/repository-content.ts';
import type { Repository } from '../../../src/formats/distribution/registry.ts';
import { codeOf } from '../../support/code-of.ts';
import { openFormatLab } from '../../support/format-context.ts';
import { accessTo, openRegistryLab, type RegistryLab } from '../../support/registry-lab.ts';
import { type Fault, type ScriptedOptions, ScriptedRegistry } from '../../support/scripted-registry.ts';

const RAW = Buffer.from(`{"schemaVersion":2,"mediaType":"${OCI_MANIFEST}","config":{}}`);
const DIGEST = sha256Digest(RAW);
const OTHER = sha256Digest('other');
const SIGNED = 'application/vnd.docker.distribution.manifest.v1+prettyjws';

let lab: RegistryLab;
afterEach(() => lab[Symbol.asyncDispose]());
async function open(options: Parameters<typeof openRegistryLab>[0] & ScriptedOptions = {}): Promise<void> {
  lab = await openRegistryLab(options);
  lab.registry.addManifest('team/app', 'v1', RAW, OCI_MANIFEST);
}
async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe('a manifest', () => {
  it('is found by tag and digest, by its head alone too', async () => {
    await open();
    for (const reference of ['v1', DIGEST]) {
      expect(await lab.repository.manifest(reference)).toEqual({ raw: RAW, digest: DIGEST, mediaType: OCI_MANIFEST });
      const head = { digest: DIGEST, mediaType: OCI_MANIFEST, size: RAW.length };
      expect(await lab.repository.headManifest(reference)).toEqual(head);
    }
    expect(await lab.repository.manifest('v2')).toBeNull();
    expect(await lab.repository.headManifest(OTHER)).toBeNull();
  });

  it.each<[string, ScriptedOptions, Fault | null]>([
    ['knows no HEAD', { head: false }, null],
    ['leaves the digest out', {}, { is: 'headers', headers: { 'Docker-Content-Digest': '' } }],
  ])('has a head where the registry %s', async (_what, options, fault) => {
    await open(options);
    if (fault !== null) lab.registry.fail({ method: 'HEAD' }, fault);
    expect(await lab.repository.headManifest('v1')).toEqual({
      digest: DIGEST,
      mediaType: OCI_MANIFEST,
      size: RAW.length,
    });
  });

  it.each<[string, string, Fault]>([
    ['by digest with other bytes', DIGEST, { is: 'bytes', bytes: Buffer.from('{}') }],
    ['by tag with a lying digest', 'v1', { is: 'headers', headers: { 'Docker-Content-Digest': OTHER } }],
    ['by digest with a lying digest', DIGEST, { is: 'headers', headers: { 'Docker-Content-Digest': OTHER } }],
  ])('%s is refused', async (_what, reference, fault) => {
    await open();
    lab.registry.fail({}, fault);
    expect(await codeOf(lab.repository.manifest(reference))).toBe('DIGEST_MISMATCH');
  });

  it('whose head says another digest than asked for is refused', async () => {
    await open();
    lab.registry.fail({}, { is: 'headers', headers: { 'Docker-Content-Digest': OTHER } });
    expect(await codeOf(lab.repository.headManifest(DIGEST))).toBe('DIGEST_MISMATCH');
  });

  it('that is too large is not read', async () => {
    await open({ client: { documents: { bytes: 20, depth: 9, layers: 9, nesting: 9 } } });
    expect(await codeOf(lab.repository.manifest('v1'))).toBe('LIMIT_EXCEEDED');
  });

  it('says itself what it is where the registry does not', async () => {
    await open();
    lab.registry.fail({}, { is: 'headers', headers: { 'Content-Type': 'text/plain; charset=utf-8' } });
    expect((await lab.repository.manifest('v1'))?.mediaType).toBe(OCI_MANIFEST);
  });

  it('of schema 1 has the digest of what was signed', async () => {
    await open();
    const payload = Buffer.from('{\n   "schemaVersion": 1,\n   "name": "a"\n}');
    const tail = { formatLength: payload.length - 2, formatTail: Buffer.from('\n}').toString('base64url') };
    const signature = { protected: Buffer.from(JSON.stringify(tail)).toString('base64url') };
    const signed = Buffer.from(`${payload.subarray(0, -2).toString()},"signatures":[${JSON.stringify(signature)}]}`);
    expect(signedPayload(signed)).toEqual(payload);
    const digest = lab.registry.addManifest('team/app', 'old', signed, SIGNED, sha256Digest(payload));
    expect(await lab.repository.manifest('old')).toEqual({ raw: signed, digest, mediaType: SIGNED });
    const more = Buffer.from(signed.toString().replace(',"signatures"', ',"fsLayers":[],"signatures"'));
    const layers = Buffer.from(signed.toString().replace('"schemaVersion": 1', '"schemaVersion": 2'));
    for (const forged of [more, layers]) {
      expect(signedPayload(forged)).toBeNull();
      lab.registry.fail({}, { is: 'bytes', bytes: forged });
      expect(await codeOf(lab.repository.manifest(digest))).toBe('DIGEST_MISMATCH');
    }
    lab.registry.fail({}, { is: 'headers', headers: { 'Docker-Content-Digest': OTHER } });
    expect(await codeOf(lab.repository.manifest('old'))).toBe('DIGEST_MISMATCH');
  });

  it('is put and deleted', async () => {
    await open();
    const raw = Buffer.from('{"schemaVersion":2}');
    await lab.repository.putManifest('v2', raw, OCI_INDEX);
    expect((await lab.repository.manifest('v2'))?.mediaType).toBe(OCI_INDEX);
    await lab.repository.deleteManifest(sha256Digest(raw));
    expect(await lab.repository.manifest('v2')).toBeNull();
    const fault: Fault = { is: 'headers', headers: { 'Docker-Content-Digest': OTHER } };
    lab.registry.fail({ method: 'PUT' }, fault);
    expect(await codeOf(lab.repository.putManifest('v3', raw, OCI_INDEX))).toBe('DIGEST_MISMATCH');
    const body = '{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"bearer abc.def"}]}';
    lab.registry.fail({ method: 'PUT' }, { is: 'status', status: 400, body });
    const error = await lab.repository.putManifest('v3', raw, OCI_INDEX).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'REGISTRY_REFUSED',
      details: { host: lab.registry.host, status: 400, registryCode: 'MANIFEST_BLOB_UNKNOWN' },
    });
    expect(String(error)).not.toContain('abc.def');
  });
});

describe('a blob', () => {
  it.each([true, false])('has a size, with HEAD: %s', async (head) => {
    await open({ head });
    const digest = lab.registry.addBlob('team/app', RAW);
    expect(await lab.repository.blobSize(digest)).toBe(RAW.length);
    expect(await lab.repository.blobSize(OTHER)).toBeNull();
  });
});

describe('lists', () => {
  it('of tags and repositories come page after page', async () => {
    await open({ pageSize: 2 });
    for (const tag of ['a', 'b', 'c', 'd']) lab.registry.addManifest('team/app', tag, RAW, OCI_MANIFEST);
    for (const name of ['x', 'y/z']) lab.registry.addBlob(name, RAW);
    expect(await all(lab.repository.tags())).toEqual(['a', 'b', 'c', 'd', 'v1']);
    expect(await all(lab.registries.catalog(lab.registry.host))).toEqual(['team/app', 'x', 'y/z']);
  });

  it.each([
    ['</v2/team/app/tags/list?n=1000>; rel="next"', 'REGISTRY_PROTOCOL'],
    ['<https://other.example/v2/>; rel="next"', 'REGISTRY_PROTOCOL'],
    ['<ftp://other.example/v2/>; rel=next', 'REGISTRY_PROTOCOL'],
    ['</v2/>; rel="prev"', 'no error'],
  ])('with the link %s: %s', async (Link, code) => {
    await open();
    lab.registry.fail({ path: /tags/ }, { is: 'headers', headers: { Link } }, 3);
    expect(await codeOf(all(lab.repository.tags()))).toBe(code);
  });

  it('that are none are refused', async () => {
    await open();
    lab.registry.fail({ path: /tags/ }, { is: 'bytes', bytes: Buffer.from('{"tags":[1]}') });
    expect(await codeOf(all(lab.repository.tags()))).toBe('REGISTRY_PROTOCOL');
    expect(await codeOf(all((await lab.registries.repository(lab.registry.host, 'nobody')).tags()))).toBe(
      'REGISTRY_REFUSED',
    );
  });
});

describe('referrers', () => {
  const referrer = (type: string): Buffer =>
    Buffer.from(JSON.stringify({ schemaVersion: 2, artifactType: type, subject: { digest: DIGEST } }));

  it('come from the API, page after page', async () => {
    await open({ pageSize: 1 });
    const digests = ['a', 'b'].map((type) => lab.registry.addManifest('team/app', null, referrer(type), OCI_MANIFEST));
    const found = await lab.repository.referrers(DIGEST);
    expect(found.map(({ digest, artifactType }) => [digest, artifactType])).toEqual([
      [digests[0], 'a'],
      [digests[1], 'b'],
    ]);
  });

  it.each<[string, ScriptedOptions, Fault | null]>([
    ['is no API', { referrers: false }, null],
    ['is a web page', {}, { is: 'headers', headers: { 'Content-Type': 'text/html' } }],
  ])('come from a tag where there %s', async (_what, options, fault) => {
    await open(options);
    const find = (): Promise<Digest[]> =>
      lab.repository.referrers(DIGEST).then((found) => found.map(({ digest }) => digest));
    if (fault !== null) lab.registry.fail({ path: /referrers/ }, fault, 2);
    expect(await find()).toEqual([]);
    const manifests = [{ mediaType: OCI_MANIFEST, digest: OTHER, size: 5 }];
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests }));
    lab.registry.addManifest('team/app', DIGEST.replace(':', '-'), index, OCI_INDEX);
    expect(await find()).toEqual([OTHER]);
  });
});

describe('mirrors', () => {
  it('are asked first, and the registry for what they lack or do wrong', async () => {
    await open();
    await using mirror = await ScriptedRegistry.open();
    const own = { host: lab.registry.host, insecure: false, tls: {} };
    const registry = { ...own, origin: lab.registry.origin, name: 'team/app', mirror: false };
    const near = { ...own, host: mirror.host, origin: mirror.origin, name: 'cache/app', mirror: true };
    const access = { ...accessTo(registry, null), endpoints: async () => [near, registry] };
    await using both = await openRegistryLab({ client: { access } });
    const digest = mirror.addBlob('cache/app', RAW);
    lab.registry.addBlob('team/app', RAW);

    expect((await both.repository.manifest('v1'))?.digest).toBe(DIGEST);
    await both.repository.download({ digest, size: RAW.length }, both.path());
    expect(mirror.seen.map(({ url }) => url)).toEqual(['/v2/cache/app/manifests/v1', `/v2/cache/app/blobs/${digest}`]);
    expect(lab.registry.requests('GET', /blobs/)).toEqual([]);

    mirror.fail({}, { is: 'bytes', bytes: Buffer.from('wrong') });
    await both.repository.download({ digest, size: RAW.length }, both.path());
    expect(both.notices).toHaveLength(1);
    expect(await both.repository.blobSize(digest)).toBe(RAW.length);
    expect(mirror.requests('HEAD')).toEqual([]);
  });

  it('are fetched from by way of a file: what one has begun to pass on another cannot go on with', async () => {
    await open();
    const registry = {
      host: lab.registry.host,
      origin: lab.registry.origin,
      name: 'team/app',
      insecure: false,
      tls: {},
    };
    const endpoints = [true, false].map((mirror) => ({ ...registry, mirror }));
    const access = { ...accessTo(registry, null), endpoints: async () => endpoints };
    await using both = await openRegistryLab({ client: { access } });
    const formats = openFormatLab();
    const blobIn = (repository: Repository): Promise<unknown> =>
      repositoryContent(repository, () => Promise.reject(new Error('no spool')), formats.context).blob({
        mediaType: 'application/vnd.oci.image.layer.v1.tar',
        digest: DIGEST,
        size: RAW.length,
        annotations: new Map(),
        platform: null,
        artifactType: null,
        data: null,
      });
    expect(await blobIn(both.repository)).not.toHaveProperty('pour');
    expect(await blobIn(lab.repository)).toHaveProperty('pour');
    await formats.close();
  });

  it.each([
    ['pullsByTagOnly', ['v1']],
    ['pullsByDigestOnly', [DIGEST]],
  ] as const)('with %s are asked for nothing else', async (only, asked) => {
    await open();
    await using mirror = await ScriptedRegistry.open();
    const own = { host: lab.registry.host, insecure: false, tls: {} };
    const registry = { ...own, origin: lab.registry.origin, name: 'team/app', mirror: false };
    const near = { ...own, host: mirror.host, origin: mirror.origin, name: 'cache/app', mirror: true, [only]: true };
    await using both = await openRegistryLab({
      client: { access: { ...accessTo(registry, null), endpoints: async () => [near, registry] } },
    });
    await both.repository.manifest('v1');
    await both.repository.manifest(DIGEST);
    expect(mirror.seen.map(({ url }) => url)).toEqual(asked.map((reference) => `/v2/cache/app/manifests/${reference}`));
  });
});
