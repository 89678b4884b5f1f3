import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openDriver } from '../../src/drivers/registry.ts';
import type { Durability } from '../../src/graph/durability.ts';
import { Graph } from '../../src/graph/graph.ts';
import { openSystem } from '../../src/system/select.ts';
import type { TaskPool } from '../../src/tasks/task-pool.ts';
import { codeOf } from '../support/code-of.ts';
import { fixtureImage, packedLayer } from '../support/image-fixture.ts';
import { imageDirectory, modernImage } from '../support/modern-image.ts';
import { dir as dirEntry, tar } from '../support/tar-fixture.ts';
import { inlinePool } from '../support/test-store.ts';

const ID = 'a'.repeat(64);
const image = fixtureImage(['a', 'b', 'c', 'd', 'e'].map((name) => packedLayer(tar([dirEntry(`${name}/`)]))));

let root: string;
let images: string;
let pool: TaskPool;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'layermill-durable-'));
  images = imageDirectory();
  pool = inlinePool();
});
afterEach(async () => {
  await pool.close();
  for (const path of [root, images]) rmSync(path, { recursive: true });
});

/** A graph whose syncs are counted, and answer `result`. */
async function openGraph(
  durability: Durability,
  result = 0,
): Promise<{ graph: Graph; sync: ReturnType<typeof vi.fn> }> {
  const sync = vi.fn(() => Promise.resolve(result));
  const driver = await openDriver('overlay2', { home: join(root, 'overlay2'), pool, readOnly: false });
  const system = { ...openSystem(), syncFileSystem: sync };
  return { graph: await Graph.open(root, driver, { pool, system, durability }), sync };
}

test.each([
  ['batch', 2],
  ['layer', 6],
  ['none', 0],
] as const)('an image of five layers and a head with durability %s costs %i syncs', async (durability, syncs) => {
  const { graph, sync } = await openGraph(durability);
  await graph.addImage(modernImage(images, image), { blobs: 'keep' });
  expect(sync).toHaveBeenCalledTimes(syncs);
});

test('where one file system cannot be synced, all of them are', async () => {
  const { graph, sync } = await openGraph('batch', -constants.errno.ENOSYS);
  await graph.register({ id: ID }, null);
  expect(sync).toHaveBeenCalledOnce();
});

test('a disk that fails makes nothing true', async () => {
  const { graph } = await openGraph('batch', -constants.errno.EIO);
  expect(await codeOf(graph.register({ id: ID }, null))).toBe('SYSTEM_CALL_FAILED');
  expect(await codeOf(graph.addImage(modernImage(images, image), { blobs: 'keep' }))).toBe('SYSTEM_CALL_FAILED');
  expect(readdirSync(join(root, 'graph'))).toEqual(['_tmp']);
  expect(readdirSync(join(root, 'graph/_tmp'))).toEqual([]);
  expect(await graph.driver.exists(ID)).toBe(false);
  expect(readdirSync(join(root, 'overlay2')).sort()).toEqual(['l', 'tmp']);
});
