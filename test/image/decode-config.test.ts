import { describe, expect, it } from 'vitest';
import { sha256Digest } from '../../src/identity/digest.ts';
import { decodeConfig } from '../../src/image/decode-config.ts';
import { DEFAULT_DOCUMENT_LIMITS } from '../../src/image/document-limits.ts';
import type { ImageConfig } from '../../src/image/image-config.ts';

const DIFF_ID = `sha256:${'a'.repeat(64)}`;

function decode(fields: Record<string, unknown>): ImageConfig {
  return decodeConfig(bytesOf(fields));
}

function bytesOf(fields: Record<string, unknown>): Buffer {
  const base = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [DIFF_ID] } };
  return Buffer.from(JSON.stringify({ ...base, ...fields }));
}

const code = (value: string): unknown => expect.objectContaining({ code: value });

describe('an image config', () => {
  it('keeps its bytes, and its digest is theirs (ID-4)', () => {
    const raw = Buffer.from(` {"rootfs":{"diff_ids":["${DIFF_ID}"],"type":"layers"},"x":1.0,"os":"\\u003cos"}\n`);
    const config = decodeConfig(raw);
    expect(config.raw).toBe(raw);
    expect(config.digest).toBe(sha256Digest(raw));
  });

  it('tells what it says', () => {
    const config = decode({
      variant: 'v8',
      'os.version': '10.0',
      created: '2020-01-02T03:04:05.678901234+01:00',
      author: 'me',
      comment: 'c',
      docker_version: '19.03',
      config: { Env: ['A=1'] },
      history: [
        { created: '2020-01-02T03:04:05Z', created_by: 'ADD', author: 'me', comment: 'x' },
        { created_by: 'ENV', empty_layer: true },
      ],
    });
    expect(config).toMatchObject({
      platform: { os: 'linux', architecture: 'amd64', variant: 'v8', osVersion: '10.0' },
      created: '2020-01-02T03:04:05.678901234+01:00',
      author: 'me',
      comment: 'c',
      dockerVersion: '19.03',
      config: { Env: ['A=1'] },
      diffIds: [DIFF_ID],
      history: [
        { created: '2020-01-02T03:04:05Z', createdBy: 'ADD', author: 'me', comment: 'x', emptyLayer: false },
        { created: null, createdBy: 'ENV', author: null, comment: null, emptyLayer: true },
      ],
      warnings: [],
    });
  });

  it.each([
    ['no config', { config: null }],
    ['no time', { created: null }],
    ['an empty time, as old builders write', { created: '' }],
    ['no history', { history: null }],
    ['less history than layers (G7)', { history: [] }],
    ['no layers', { rootfs: { type: 'layers' } }],
    ['null layers', { rootfs: { type: 'layers', diff_ids: null } }],
    ['a layer twice (ID-6)', { rootfs: { type: 'layers', diff_ids: [DIFF_ID, DIFF_ID] } }],
    ['a strange platform (H10)', { os: 'plan9', architecture: 'mips' }],
    ['fields nobody knows', { 'moby.buildkit.trace': { a: [1] }, __proto__x: 1 }],
    ['options that must not be interpreted (H15)', { config: { User: '4294967296', Labels: { A: '1', a: '2' } } }],
  ])('may have %s', (_what, fields) => {
    expect(decode(fields).diffIds.length).toBeLessThan(3);
  });

  it.each([[{ os: '' }], [{ architecture: '' }], [{ os: null }], [{ os: undefined, architecture: undefined }]])(
    'without a platform is accepted, and that is said: %j',
    (fields) => {
      const config = decode(fields);
      expect(config.platform).toBeNull();
      expect(config.warnings).toHaveLength(1);
    },
  );

  it.each([
    ['no rootfs', { rootfs: undefined }],
    ['a null rootfs', { rootfs: null }],
    ['a list as rootfs', { rootfs: [] }],
    ['another kind of rootfs', { rootfs: { type: 'x', diff_ids: [] } }],
    ['an object of DiffIDs', { rootfs: { type: 'layers', diff_ids: {} } }],
    ['a number among the DiffIDs', { rootfs: { type: 'layers', diff_ids: [1] } }],
    ['a DiffID that is no sha256', { rootfs: { type: 'layers', diff_ids: [`sha512:${'a'.repeat(128)}`] } }],
    ['a list as config', { config: [] }],
    ['an object as history', { history: {} }],
    ['yesterday as time', { created: 'yesterday' }],
    ['a time that never was', { created: '2020-13-45T00:00:00Z' }],
    ['a number as os', { os: 1 }],
    ['more history than layers (G7)', { history: [{}, {}, { empty_layer: true }] }],
    ['a string for empty_layer', { history: [{ empty_layer: 'yes' }] }],
  ])('is refused with %s (H5)', (_what, fields) => {
    expect(() => decode(fields)).toThrow(code('CONFIG_INVALID'));
  });

  it.each([
    'sha256:../../etc/passwd',
    `sha256:${'A'.repeat(64)}`,
    `md5:${'a'.repeat(32)}`,
    `sha256:${'a'.repeat(63)}`,
    '',
  ])('is refused with the DiffID %j (G8)', (digest) => {
    expect(() => decode({ rootfs: { type: 'layers', diff_ids: [digest] } })).toThrow(code('INVALID_DIGEST'));
  });

  it('is refused with two spellings of a key that differ', () => {
    const raw = `{"rootfs":{"type":"layers","diff_ids":[]},"RootFS":{"type":"layers","diff_ids":["${DIFF_ID}"]}}`;
    expect(() => decodeConfig(Buffer.from(raw))).toThrow(code('JSON_INVALID'));
  });

  it('is refused when it is no object', () => {
    for (const raw of ['null', '[]', '"x"', '1']) {
      expect(() => decodeConfig(Buffer.from(raw))).toThrow(code('CONFIG_INVALID'));
    }
  });

  it('has no more layers than the limit (G18)', () => {
    const { layers } = DEFAULT_DOCUMENT_LIMITS;
    const withLayers = (count: number): Buffer =>
      bytesOf({ rootfs: { type: 'layers', diff_ids: Array.from({ length: count }, () => DIFF_ID) } });
    expect(decodeConfig(withLayers(layers)).diffIds).toHaveLength(layers);
    expect(() => decodeConfig(withLayers(layers + 1))).toThrow(code('LIMIT_EXCEEDED'));
    expect(() => decodeConfig(withLayers(3), { ...DEFAULT_DOCUMENT_LIMITS, layers: 2 })).toThrow(
      code('LIMIT_EXCEEDED'),
    );
  });

  it('shows no control characters of its own in messages (H17)', () => {
    try {
      decode({ rootfs: { type: '\u001b[2J' } });
      expect.unreachable();
    } catch (error) {
      expect((error as Error).message).not.toContain('\u001b');
    }
  });
});
