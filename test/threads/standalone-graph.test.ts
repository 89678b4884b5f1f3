import { mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createThreadPool, type Driver, Graph, openDriver, type TaskPool } from '../../src/index.ts';
import { codeOf } from '../support/code-of.ts';
import { file, tar } from '../support/tar-fixture.ts';

const ID = 'a'.repeat(64);

let root: string;
let pool: TaskPool;
let driver: Driver;
beforeEach(async () => {
  root = join(mkdtempSync(join(tmpdir(), 'layermill-standalone-')), 'store');
  pool = createThreadPool({ threads: 1 });
  driver = await openDriver('vfs', { home: join(root, 'vfs'), pool, readOnly: false });
});
afterEach(async () => {
  await pool.close();
  await rm(join(root, '..'), { recursive: true });
});

async function bytesOf(graph: Graph): Promise<Buffer> {
  await using archive = await graph.tempLayerArchive(ID);
  return Buffer.concat(await archive.stream().toArray());
}

test('a graph needs a directory and a driver, and works on threads of its own until it is closed', async () => {
  const layer = tar([file('x', 'x')]);
  writeFileSync(join(root, '..', 'layer.tar'), layer);
  const graph = await Graph.open(root, driver);
  await graph.register({ id: ID }, join(root, '..', 'layer.tar'));
  expect(await bytesOf(graph)).toEqual(layer);
  await graph.close();
  expect(await codeOf(graph.tempLayerArchive(ID))).toBe('CANCELLED');
});

test('threads that it is given are not its own to end', async () => {
  await using graph = await Graph.open(root, driver, { pool });
  expect(graph).toBeInstanceOf(Graph);
  await graph.register({ id: ID }, null);
  await graph.close();
  expect((await bytesOf(graph)).length).toBe(1024);
});
