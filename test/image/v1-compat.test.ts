import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  decodeImageJson,
  decodeLayerSize,
  decodeParentId,
  decodeRepositories,
  decodeV1Config,
  emptyV1Image,
  encodeImageJson,
  encodeRepositories,
  repositoriesOf,
  tagsOf,
} from '../../src/image/v1-compat.ts';
import { emptyV1Config } from '../../src/image/v1-config.ts';

const BASE = 'd35d09b08ee7b4e8109b5274d04b7c2a4bd5fe835b6d6e9244b03957149095f9';
const CHILD = 'b9144a6651985fb2ad8704aebdcca4254f97f0f592ed17f4403a0105f868776e';
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const code = (call: () => unknown): unknown => {
  try {
    return call();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
};
const decode = (text: string): ReturnType<typeof decodeImageJson> => decodeImageJson(Buffer.from(text));

describe('the JSON that Docker 0.11 writes', () => {
  test('of a base image', () => {
    const json = encodeImageJson({
      ...emptyV1Image(BASE),
      comment: 'Imported from -',
      created: '2014-05-08T09:10:11.123456789Z',
      dockerVersion: '0.11.1',
      architecture: 'amd64',
      os: 'linux',
      size: 39,
    });
    expect(json.length).toBe(585);
    expect(sha256(json)).toBe('319aca5976cb3d43d9f94923abc2972bf7f8f9e0b18f23cd3aa9e35350cdc45c');
  });

  test('of a committed child', () => {
    const common = {
      Hostname: '5f3da53d0973',
      AttachStdout: true,
      AttachStderr: true,
      Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'],
      Image: BASE,
    };
    const json = encodeImageJson({
      ...emptyV1Image(CHILD),
      parent: BASE,
      comment: 'add motd',
      created: '2014-05-08T09:12:00Z',
      container: '5f3da53d0973fff12dfdf2fd2e68aec0a8043041da16fc734782f10dbce1f9e9',
      containerConfig: { ...emptyV1Config(), ...common, Cmd: ['/bin/sh', '-c', 'echo hi > /etc/motd'] },
      dockerVersion: '0.11.1',
      author: 'A. Writer',
      config: { ...emptyV1Config(), ...common, Cmd: ['/bin/sh'], ExposedPorts: ['80/tcp'] },
      architecture: 'amd64',
      os: 'linux',
      size: 3,
    });
    expect(json.length).toBe(1373);
    expect(sha256(json)).toBe('9dcf866a95c4a9d78c6732c25f2b19e84a5c045ded89686337a50169eec61889');
    expect(encodeImageJson(decodeImageJson(json)).equals(json)).toBe(true);
  });

  test('escapes what Go escapes; sets are sorted; empty lists are not null', () => {
    const config = { ...emptyV1Config(), Env: ['X=<&>'], Cmd: [], Volumes: ['/b', '/a'] };
    const text = encodeImageJson({ ...emptyV1Image(BASE), author: 'a <b>', config }).toString();
    expect(text).toContain('"author":"a \\u003cb\\u003e"');
    expect(text).toContain('"Env":["X=\\u003c\\u0026\\u003e"],"Cmd":[],');
    expect(text).toContain('"Volumes":{"/a":{},"/b":{}}');
    expect(text).toContain('"PortSpecs":null');
  });
});

describe('reading', () => {
  test('keys in any case, unknown ones ignored, null for nothing, a newline at the end', () => {
    const image = decode(
      `{"ID":"${BASE}","SIZE":3,"Config":{"env":["A=1"]},"os":null,"unknown_field":{"kept":true}}\n`,
    );
    expect(image).toMatchObject({ id: BASE, size: 3, os: '', created: '0001-01-01T00:00:00Z' });
    expect(image.config?.Env).toEqual(['A=1']);
  });

  test.each([
    '{"id":1}',
    '{"id":"a","Size":"1"}',
    '{"id":"a","Size":1.5}',
    '{"id":"a","Size":9007199254740993}',
    '{"id":"a","created":"yesterday"}',
    '{"id":"a","config":[]}',
    '{"id":"a","config":{"Env":{}}}',
    '{"id":"a","config":{"Tty":1}}',
    '{"id":"a","container_config":"x"}',
    '{"id":"a","ID":"b"}',
    '[]',
    '"text"',
    'null',
    '{}{}',
    '',
  ])('a wrong type fails the whole document: %s', (text) => {
    expect(code(() => decode(text))).toBe('JSON_INVALID');
  });

  test('a document that is too large or too deep is a limit', () => {
    expect(code(() => decode(`{"id":"${'a'.repeat(5_000_000)}"}`))).toBe('LIMIT_EXCEEDED');
    expect(code(() => decode('['.repeat(100_000)))).toBe('LIMIT_EXCEEDED');
  });

  test('names that mean something to JavaScript are only names', () => {
    const config = decodeV1Config(JSON.parse('{"__proto__":{"User":"x"},"Volumes":{"__proto__":{},"constructor":{}}}'));
    expect(config?.User).toBe('');
    expect(config?.Volumes).toEqual(['__proto__', 'constructor']);
  });

  test('one string stands for a list of one, as in Docker 1.7', () => {
    expect(decodeV1Config({ Entrypoint: '/bin/tool' })?.Entrypoint).toEqual(['/bin/tool']);
  });

  test('the parent that 1.8.3 derives from content', () => {
    expect(decodeParentId(Buffer.from(`{"parent_id":"sha256:${BASE}"}`))).toBe(BASE);
    expect(decodeParentId(Buffer.from('{"id":"x"}'))).toBeNull();
  });
});

describe('layersize is a decimal number and nothing else', () => {
  test.each([
    ['0', 0],
    ['39', 39],
    ['+5', 5],
    ['-1', -1],
    ['5000000000', 5_000_000_000],
  ])('%j', (text, size) => expect(decodeLayerSize(text)).toBe(size));
  test.each(['', '39\n', ' 39', '0x10', '1e3', '3.0', 'x', '99999999999999999999'])('%j is damage', (text) => {
    expect(code(() => decodeLayerSize(text))).toBe('JSON_INVALID');
  });
});

describe('the tag file', () => {
  const text =
    `{"Repositories":{"busybox":{"latest":"${BASE}"},` +
    `"localhost:5000/team/app":{"1.0":"${CHILD}","latest":"${CHILD}"}}}`;

  test('is written as Docker writes it, sorted by bytes', () => {
    const tags = tagsOf([
      ['latest', CHILD],
      ['1.0', CHILD],
    ]);
    const repositories = repositoriesOf([
      ['localhost:5000/team/app', tags],
      ['busybox', tagsOf([['latest', BASE]])],
    ]);
    expect(Buffer.concat(encodeRepositories(repositories)).toString()).toBe(text);
    expect(Buffer.concat(encodeRepositories(decodeRepositories(Buffer.from(text)))).toString()).toBe(text);
    expect(Buffer.concat(encodeRepositories(repositoriesOf())).toString()).toBe('{"Repositories":{}}');
  });

  test('null lists are empty ones', () => {
    expect(decodeRepositories(Buffer.from('{"Repositories":null}')).size).toBe(0);
    expect(decodeRepositories(Buffer.from('{"repositories":{"a":null}}')).get('a')?.size).toBe(0);
  });

  test.each(['{"Repositories":[]}', '{"Repositories":{"a":{"b":1}}}', '[]', ''])('%j is damage', (bad) => {
    expect(code(() => decodeRepositories(Buffer.from(bad)))).toBe('JSON_INVALID');
  });
});
