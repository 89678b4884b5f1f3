import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decodeIndex, decodeLayoutVersion, decodeManifest, verifyBlob } from '../../src/image/manifest.ts';
import { DOCKER_INDEX, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from '../../src/image/media-types.ts';
import { MEDIA } from '../support/image-fixture.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const CONFIG = { mediaType: MEDIA.config, digest: DIGEST, size: 2 };
const LAYER = { mediaType: MEDIA.layer, digest: DIGEST, size: 1024 };

const bytes = (document: unknown): Buffer => Buffer.from(JSON.stringify(document));
const manifest = (fields: Record<string, unknown> = {}): Buffer =>
  bytes({ schemaVersion: 2, config: CONFIG, layers: [LAYER], ...fields });
const withLayer = (fields: Record<string, unknown>): Buffer => manifest({ layers: [{ ...LAYER, ...fields }] });
const code = (value: string): unknown => expect.objectContaining({ code: value });

describe('a manifest', () => {
  it.each([
    ['OCI', OCI_MANIFEST],
    ['Docker', DOCKER_MANIFEST],
  ])('of the %s kind is decoded', (_what, mediaType) => {
    const decoded = decodeManifest(manifest({ mediaType, artifactType: 'x/y' }), mediaType);
    expect(decoded).toMatchObject({ config: CONFIG, layers: [LAYER], artifactType: 'x/y' });
  });

  it('may be an artifact without config and layers', () => {
    const raw = bytes({ schemaVersion: 2, mediaType: OCI_MANIFEST, layers: null });
    expect(decodeManifest(raw, OCI_MANIFEST)).toEqual({ config: null, layers: [], artifactType: null });
  });

  it.each([
    ['with manifests too', { manifests: [] }],
    ['with manifests in another case', { Manifests: [] }],
    ['with the layers of schema 1', { fsLayers: [] }],
    ['with those in another case', { FSLAYERS: [] }],
    ['with the signatures of schema 1', { signatures: [] }],
    ['with two spellings of its layers', { Layers: [{ ...LAYER, size: 1 }] }],
    ['of another media type than it was fetched as (G15)', { mediaType: OCI_INDEX }],
    ['without a schema version', { schemaVersion: undefined }],
    ['of schema version "2"', { schemaVersion: '2' }],
    ['with an object as layers (H5)', { layers: {} }],
    ['with a string as config', { config: DIGEST }],
  ])('is refused %s (CVE-2021-41190)', (_what, fields) => {
    expect(() => decodeManifest(manifest(fields), OCI_MANIFEST)).toThrow(code('JSON_INVALID'));
  });

  it('of schema 1 is not supported, and that is said', () => {
    const raw = bytes({ schemaVersion: 1, fsLayers: [], history: [] });
    expect(() => decodeManifest(raw, OCI_MANIFEST)).toThrow(code('MEDIA_TYPE_UNSUPPORTED'));
  });
});

describe('a descriptor', () => {
  it.each([[-1], [1.5], ['12'], [null], [undefined], [2 ** 53]])('is refused with the size %j (G3, H6)', (size) => {
    expect(() => decodeManifest(withLayer({ size }), OCI_MANIFEST)).toThrow(code('JSON_INVALID'));
  });

  it('is refused with a size beyond all numbers (H6)', () => {
    const raw = manifest().toString().replace('"size":1024', '"size":1e999');
    expect(() => decodeManifest(Buffer.from(raw), OCI_MANIFEST)).toThrow(code('JSON_INVALID'));
  });

  it.each([
    'sha256:../../etc/passwd',
    'sha256:%2e%2e',
    `sha256:${'A'.repeat(64)}`,
    `md5:${'a'.repeat(32)}`,
    `sha512:${'a'.repeat(64)}`,
    `${DIGEST}\n`,
    '',
  ])('is refused with the digest %j before any path is made of it (G8, CVE-2024-3727)', (digest) => {
    expect(() => decodeManifest(withLayer({ digest }), OCI_MANIFEST)).toThrow(code('INVALID_DIGEST'));
    expect(() => decodeIndex(bytes({ schemaVersion: 2, manifests: [{ ...LAYER, digest }] }), null)).toThrow(
      code('INVALID_DIGEST'),
    );
  });

  it('may carry its blob, which must be the one it names (G10)', () => {
    const data = Buffer.from('{}');
    const digest = `sha256:${createHash('sha256').update(data).digest('hex')}`;
    const good = { digest, size: 2, data: data.toString('base64') };
    expect(decodeManifest(withLayer(good), OCI_MANIFEST).layers[0]!.data).toEqual(data);
    expect(() => decodeManifest(withLayer({ ...good, data: 'e30g' }), OCI_MANIFEST)).toThrow(code('SIZE_MISMATCH'));
    expect(() => decodeManifest(withLayer({ ...good, data: 'W10=' }), OCI_MANIFEST)).toThrow(code('DIGEST_MISMATCH'));
    expect(() => decodeManifest(withLayer({ ...good, data: '{}' }), OCI_MANIFEST)).toThrow(code('JSON_INVALID'));
  });

  it('keeps annotations named like parts of a prototype as data (H7)', () => {
    const raw = manifest().toString().replace('"size":1024', '"size":1024,"annotations":{"__proto__":"x"}');
    const { annotations } = decodeManifest(Buffer.from(raw), OCI_MANIFEST).layers[0]!;
    expect([...annotations]).toEqual([['__proto__', 'x']]);
  });

  it('is refused when an annotation is no string', () => {
    expect(() => decodeManifest(withLayer({ annotations: { a: 1 } }), OCI_MANIFEST)).toThrow(code('JSON_INVALID'));
    expect(() => decodeManifest(withLayer({ annotations: [] }), OCI_MANIFEST)).toThrow(code('JSON_INVALID'));
  });
});

describe('an index', () => {
  const member = { ...CONFIG, mediaType: OCI_MANIFEST, platform: { os: 'linux', architecture: 'arm', variant: 'v7' } };

  it('lists its members with their platforms', () => {
    const raw = bytes({
      schemaVersion: 2,
      mediaType: DOCKER_INDEX,
      manifests: [member, { ...member, platform: null }],
    });
    const [first, second] = decodeIndex(raw, DOCKER_INDEX);
    expect(first!.platform).toEqual({ os: 'linux', architecture: 'arm', variant: 'v7' });
    expect(second!.platform).toBeNull();
  });

  it('may be empty (I20)', () => {
    expect(decodeIndex(bytes({ schemaVersion: 2, manifests: null }), null)).toEqual([]);
    expect(decodeIndex(bytes({ schemaVersion: 2, manifests: [] }), OCI_INDEX)).toEqual([]);
  });

  it('may be an index.json of any of the media types', () => {
    expect(decodeIndex(bytes({ schemaVersion: 2, mediaType: DOCKER_INDEX, manifests: [member] }), null)).toHaveLength(
      1,
    );
  });

  it.each([
    ['a config', { config: CONFIG }],
    ['layers in another case', { LAYERS: [] }],
    ['the layers of schema 1', { fsLayers: [] }],
  ])('is refused with %s (CVE-2021-41190)', (_what, fields) => {
    const raw = bytes({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [member], ...fields });
    expect(() => decodeIndex(raw, OCI_INDEX)).toThrow(code('JSON_INVALID'));
  });

  it('is refused under another media type than its own', () => {
    const raw = bytes({ schemaVersion: 2, mediaType: OCI_MANIFEST, manifests: [member] });
    expect(() => decodeIndex(raw, OCI_INDEX)).toThrow(code('JSON_INVALID'));
  });
});

describe('bytes in memory', () => {
  const content = Buffer.from('hello world');

  it('are checked with the algorithm of their digest (G9)', () => {
    const sha512 = `sha512:${createHash('sha512').update(content).digest('hex')}` as const;
    verifyBlob(content, { digest: sha512, size: 11 }, 'x');
    expect(() => verifyBlob(Buffer.from('hello worlds'), { digest: sha512 }, 'x')).toThrow(code('DIGEST_MISMATCH'));
  });

  it('are of the size that was said (G2)', () => {
    const digest = `sha256:${createHash('sha256').update(content).digest('hex')}` as const;
    expect(() => verifyBlob(content, { digest, size: 10 }, 'x')).toThrow(code('SIZE_MISMATCH'));
    expect(() => verifyBlob(content, { digest, size: 12 }, 'x')).toThrow(code('SIZE_MISMATCH'));
  });
});

describe('oci-layout', () => {
  it('says its version', () => {
    expect(decodeLayoutVersion(bytes({ imageLayoutVersion: '1.0.0' }))).toBe('1.0.0');
    expect(() => decodeLayoutVersion(bytes({}))).toThrow(code('JSON_INVALID'));
  });
});
