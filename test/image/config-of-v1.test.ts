import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { type ChainLink, configOfV1 } from '../../src/image/config-of-v1.ts';
import { emptyV1Image } from '../../src/image/v1-compat.ts';
import { emptyV1Config } from '../../src/image/v1-config.ts';

const BASE_DIFF_ID = 'sha256:79ac0c0bf9c6ea3bece2a210eece0bf7bcb1e9e24fffd20af7635b151b633e99';
const CHILD_DIFF_ID = 'sha256:e85833ea064538d82d336dbfd2a280d2e9e946eefbc7565d6fdb074707ebeb80';

const base: ChainLink = {
  image: { ...emptyV1Image('a'.repeat(64)), comment: 'Imported from -', created: '2014-05-08T09:10:11.123456789Z' },
  diffId: BASE_DIFF_ID,
  config: null,
};
const child: ChainLink = {
  image: {
    ...emptyV1Image('b'.repeat(64)),
    parent: 'a'.repeat(64),
    comment: 'add motd',
    created: '2014-05-08T09:12:00Z',
    author: 'A. Writer',
    containerConfig: { ...emptyV1Config(), Cmd: ['/bin/sh', '-c', 'echo hi'] },
    config: { ...emptyV1Config(), Hostname: '5f3da53d0973', Cmd: ['/bin/sh'], ExposedPorts: ['80/tcp'] },
    architecture: 'arm',
    os: 'linux',
  },
  diffId: CHILD_DIFF_ID,
  config: null,
};

/** Ours keeps what the OCI image spec knows; Docker's own migration kept more, so its ids are others. */
test('TestMakeImageConfig', () => {
  expect(configOfV1([base]).raw.toString()).toBe(
    '{"architecture":"amd64","os":"linux","created":"2014-05-08T09:10:11.123456789Z",' +
      `"rootfs":{"type":"layers","diff_ids":["${BASE_DIFF_ID}"]},` +
      '"history":[{"created":"2014-05-08T09:10:11.123456789Z","comment":"Imported from -"}]}',
  );
  expect(configOfV1([base, child]).raw.toString()).toBe(
    '{"architecture":"arm","os":"linux","created":"2014-05-08T09:12:00Z","author":"A. Writer",' +
      '"config":{"ExposedPorts":{"80/tcp":{}},"Cmd":["/bin/sh"]},' +
      `"rootfs":{"type":"layers","diff_ids":["${BASE_DIFF_ID}","${CHILD_DIFF_ID}"]},` +
      '"history":[{"created":"2014-05-08T09:10:11.123456789Z","comment":"Imported from -"},' +
      '{"created":"2014-05-08T09:12:00Z","author":"A. Writer","created_by":"/bin/sh -c echo hi","comment":"add motd"}]}',
  );
});

test('TestGetStrongID: the id is the hash of the config, and of nothing that only named the v1 image', () => {
  const { raw, digest } = configOfV1([base, child]);
  expect(digest).toBe(`sha256:${createHash('sha256').update(raw).digest('hex')}`);
  const renamed = { ...child, image: { ...child.image, id: 'c'.repeat(64), parent: 'd'.repeat(64), size: 99 } };
  expect(configOfV1([base, renamed]).digest).toBe(digest);
  expect(configOfV1([base]).digest).not.toBe(digest);
});

test('TestMarshalKeyOrder: keys have one order, however the image came by its fields', () => {
  const shuffled = {
    ...child,
    image: Object.fromEntries(Object.entries(child.image).reverse()),
  } as unknown as ChainLink;
  const { raw } = configOfV1([base, shuffled]);
  expect(Object.keys(JSON.parse(raw.toString()) as object)).toEqual([
    'architecture',
    'os',
    'created',
    'author',
    'config',
    'rootfs',
    'history',
  ]);
  expect(raw.equals(configOfV1([base, child]).raw)).toBe(true);
});
