import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { emptyV1Config } from '../../src/image/v1-config.ts';
import { codeOf } from '../support/code-of.ts';
import { file, tar } from '../support/tar-fixture.ts';
import { openTestStore, type TestStore } from '../support/test-store.ts';

let store: TestStore;
let layer: string;
beforeEach(async () => {
  store = await openTestStore('vfs');
  layer = join(store.root, '..', 'layer.tar');
  writeFileSync(layer, tar([file('x', 'xyz')]));
});
afterEach(() => store[Symbol.asyncDispose]());

test('writes the JSON as Docker 0.11 does, with every required field', async () => {
  const parent = await store.graph.create(layer);
  writeFileSync(layer, tar([file('y', 'abc')]));
  const container = '5f3da53d0973fff12dfdf2fd2e68aec0a8043041da16fc734782f10dbce1f9e9';
  const image = await store.graph.create(layer, {
    parent: parent.id.slice(0, 12),
    containerId: container,
    containerConfig: { ...emptyV1Config(), Hostname: 'h' },
    comment: 'a <b>',
    author: 'A. Writer',
    config: { ...emptyV1Config(), Cmd: ['/bin/sh'] },
  });
  const json = readFileSync(join(store.graph.imageRoot(image.id), 'json'), 'utf8');
  const [head, tail] = json.split(',"container_config":') as [string, string];
  expect(head).toMatch(
    new RegExp(
      `^{"id":"${image.id}","parent":"${parent.id}","comment":"a \\\\u003cb\\\\u003e",` +
        `"created":"20\\d\\d-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d*[1-9])?Z","container":"${container}"$`,
    ),
  );
  expect(tail).toMatch(
    /^{"Hostname":"h",.*},"docker_version":"0\.11\.1","author":"A\. Writer","config":{.*"Cmd":\["\/bin\/sh"\]/,
  );
  expect(tail).toMatch(/,"architecture":"[a-z0-9]+","os":"linux","Size":3}$/);
  expect(image.size).toBe(3);
});

test('without changes there is an image all the same, of size 0', async () => {
  const parent = await store.graph.create(layer);
  const image = await store.graph.create(null, { parent: parent.id });
  expect(image).toMatchObject({ parent: parent.id, size: 0 });
  expect(await codeOf(store.graph.create(null, { parent: 'f'.repeat(64) }))).toBe('IMAGE_NOT_FOUND');
});

test('a size that was never counted is counted once', async () => {
  const { id } = await store.graph.create(layer);
  const path = join(store.graph.imageRoot(id), 'layersize');
  rmSync(path);
  expect((await store.graph.get(id)).size).toBe(3);
  expect(readFileSync(path, 'latin1')).toBe('3');
});
