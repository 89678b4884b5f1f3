import { expect, test } from 'vitest';
import type { Digest } from '../../src/identity/digest.ts';
import { modernOfLegacy } from '../../src/image/modern-of-legacy.ts';
import { emptyV1Image, encodeImageJson, type V1Image } from '../../src/image/v1-compat.ts';
import { emptyV1Config, type V1Config } from '../../src/image/v1-config.ts';
import { codeOf } from '../support/code-of.ts';

const D1: Digest = 'sha256:79ac0c0bf9c6ea3bece2a210eece0bf7bcb1e9e24fffd20af7635b151b633e99';
const D2: Digest = 'sha256:e85833ea064538d82d336dbfd2a280d2e9e946eefbc7565d6fdb074707ebeb80';
const BASE = 'd35d09b08ee7b4e8109b5274d04b7c2a4bd5fe835b6d6e9244b03957149095f9';
const CHILD = 'b9144a6651985fb2ad8704aebdcca4254f97f0f592ed17f4403a0105f868776e';
const CONTAINER = '5f3da53d0973fff12dfdf2fd2e68aec0a8043041da16fc734782f10dbce1f9e9';

const base: V1Image = {
  ...emptyV1Image(BASE),
  comment: 'Imported from -',
  created: '2014-05-08T09:10:11.123456789Z',
  dockerVersion: '0.11.1',
  architecture: 'amd64',
  os: 'linux',
  size: 39,
};
const run: V1Config = {
  ...emptyV1Config(),
  Hostname: '5f3da53d0973',
  AttachStdout: true,
  AttachStderr: true,
  Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'],
  Image: BASE,
};
const child: V1Image = {
  ...emptyV1Image(CHILD),
  parent: BASE,
  comment: 'add motd',
  created: '2014-05-08T09:12:00Z',
  container: CONTAINER,
  containerConfig: { ...run, Cmd: ['/bin/sh', '-c', 'echo hi > /etc/motd'] },
  dockerVersion: '0.11.1',
  author: 'A. Writer',
  config: { ...run, Cmd: ['/bin/sh'], ExposedPorts: ['80/tcp'] },
  architecture: 'amd64',
  os: 'linux',
  size: 3,
};
const chain = [base, child].map((image) => ({ json: encodeImageJson(image) }));

const text = (json: string): { json: Buffer } => ({ json: Buffer.from(json) });
const configOf = (json: string): string => modernOfLegacy([text(json)], [D1]).raw.toString();

test('TestMigrateImages: an image gets the id that Docker 1.10 gave it', () => {
  expect(modernOfLegacy(chain.slice(0, 1), [D1]).digest).toBe(
    'sha256:8b5b301473bfca8602fe82dac50b984e3a5fa7e86587832d8f990f09ce2c821a',
  );
  expect(modernOfLegacy(chain, [D1, D2]).digest).toBe(
    'sha256:b312abd71db66e5c458307ca75e4e01a4df8e03b2925d8de685a9b3650917f2f',
  );
});

test('TestMakeImageConfig: before 1.8.3 the JSON is written again as 1.10 knew it', () => {
  const written =
    '{"ID":"x","created":"2015-01-02T03:04:05.120000000+00:00","docker_version":"1.8.2","Size":7,"throwaway":true,' +
    '"checksum":"tarsum","config":{"Labels":{"b":"<","a":"\\u0009"},"Cmd":"sh","Entrypoint":[],"Env":["A=\\n"],' +
    '"ExposedPorts":{},"Volumes":{},"Memory":5,"MacAddress":"","StopSignal":"SIGTERM","NetworkDisabled":true}}';
  const empty =
    '"Hostname":"","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,' +
    '"Tty":false,"OpenStdin":false,"StdinOnce":false';
  expect(configOf(written)).toBe(
    `{"config":{${empty},"Env":["A=\\n"],"Cmd":["sh"],"Image":"","Volumes":{},"WorkingDir":"","Entrypoint":[],` +
      '"NetworkDisabled":true,"OnBuild":null,"Labels":{"a":"\\t","b":"\\u003c"},"StopSignal":"SIGTERM"},' +
      `"container_config":{${empty},"Env":null,"Cmd":null,"Image":"","Volumes":null,"WorkingDir":"","Entrypoint":null,` +
      '"OnBuild":null,"Labels":null},"created":"2015-01-02T03:04:05.12Z","docker_version":"1.8.2",' +
      `"history":[{"created":"2015-01-02T03:04:05.12Z"}],"rootfs":{"type":"layers","diff_ids":["${D1}"]}}`,
  );
});

test('TestMakeImageConfig: from 1.8.3 on everything stays as it was written, but for what named the v1 image', () => {
  const written =
    ' { "os" : "linux", "config" : { "Z" : [ 1, "a b" ], "A" : "\\u0009<&" }, "id":"x", "parent":"y", "Size" : 3,' +
    '"parent_id":"sha256:z","layer_id":"sha256:z","throwaway":true,' +
    '"created":"2015-01-02T03:04:05.120Z", "docker_version":"1.9.0-dev" , "Author\\u0041": null, "x": {} , "y":[[],{"a":[]}]}\n';
  expect(configOf(written)).toBe(
    '{"AuthorA":null,"config":{"Z":[1,"a b"],"A":"\\u0009\\u003c\\u0026"},"created":"2015-01-02T03:04:05.120Z",' +
      '"docker_version":"1.9.0-dev","history":[{"created":"2015-01-02T03:04:05.12Z"}],"os":"linux",' +
      `"rootfs":{"type":"layers","diff_ids":["${D1}"]},"x":{},"y":[[],{"a":[]}]}`,
  );
});

test.each([
  ['', true],
  ['0.11.1', true],
  ['1.8', true],
  ['1.8.2', true],
  ['1.8.3', false],
  ['1.8.3-rc1', true],
  ['1.10', false],
  ['nonsense', true],
])('Docker %j wrote JSON that is written again: %s', (version, again) => {
  const config = configOf(`{"created":"2015-01-01T00:00:00Z","docker_version":"${version}","unknown":1}`);
  expect(config.includes('"unknown"')).toBe(!again);
});

test('TestGetStrongID: two images that differ only in their names are one', () => {
  const renamed = { json: encodeImageJson({ ...child, id: 'c'.repeat(64), size: 99 }) };
  expect(modernOfLegacy([chain[0]!, renamed], [D1, D2])).toEqual(modernOfLegacy(chain, [D1, D2]));
  expect(modernOfLegacy(chain, [D2, D1]).digest).not.toBe(modernOfLegacy(chain, [D1, D2]).digest);
});

test('an image without a layer is no step', () => {
  const config = JSON.parse(modernOfLegacy(chain, [D1, null]).raw.toString()) as {
    history: unknown[];
    rootfs: object;
  };
  expect(config.history).toHaveLength(1);
  expect(config.rootfs).toEqual({ type: 'layers', diff_ids: [D1] });
  expect(modernOfLegacy(chain.slice(0, 1), [null]).raw.toString()).toContain('"history":[],');
});

test('on a content-addressed image its history comes first', () => {
  const below = modernOfLegacy(chain.slice(0, 1), [D1]).raw;
  expect(modernOfLegacy(chain.slice(1), [D2], below)).toEqual(modernOfLegacy(chain, [D1, D2]));
});

test('JSON that is none is refused', async () => {
  for (const json of ['', '[]', '{"created":7}', '{"a":1,"a":2}']) {
    expect(await codeOf((async () => configOf(json))()), json).toBe('JSON_INVALID');
  }
});

test('TestMarshalKeyOrder: keys are sorted, in whatever order the image was written', () => {
  const backwards = Object.fromEntries(Object.entries(JSON.parse(chain[1]!.json.toString()) as object).reverse());
  const { raw } = modernOfLegacy([chain[0]!, text(JSON.stringify(backwards))], [D1, D2]);
  const keys = Object.keys(JSON.parse(raw.toString()) as object);
  expect(keys).toEqual(keys.toSorted());
  expect(raw.equals(modernOfLegacy(chain, [D1, D2]).raw)).toBe(true);
});
