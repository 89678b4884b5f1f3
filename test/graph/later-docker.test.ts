import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { codeOf } from '../support/code-of.ts';
import { openTestStore, type TestStore } from '../support/test-store.ts';

const BASE = 'a'.repeat(64);
const CHILD = 'b'.repeat(64);
const DERIVED = 'c'.repeat(64);

let store: TestStore;
beforeEach(async () => {
  store = await openTestStore('vfs');
});
afterEach(() => store[Symbol.asyncDispose]());

/** An image as a version of Docker wrote it. */
function write(id: string, files: Record<string, string>): void {
  for (const dir of [`graph/${id}`, `vfs/dir/${id}`]) mkdirSync(join(store.root, dir), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(store.root, 'graph', id, name), text);
}

test('1.4 to 1.8 end the JSON with a newline', async () => {
  write(BASE, { json: `{"id":"${BASE}","created":"2015-01-01T00:00:00Z","Size":7,"checksum":"x"}\n`, layersize: '7' });
  expect(await store.graph.get(BASE)).toMatchObject({ id: BASE, size: 7 });
});

test('1.9 leaves the id out, and derives the parent from content', async () => {
  write(BASE, { json: '{"created":"2015-01-01T00:00:00Z"}', layersize: '0' });
  write(CHILD, { json: `{"parent_id":"sha256:${BASE}"}`, layersize: '0' });
  expect(await store.graph.get(CHILD)).toMatchObject({ id: CHILD, parent: BASE });
  expect(store.graph.hasChildren(BASE)).toBe(true);
});

test('1.9 names the real parent in a file of its own where it is another one', async () => {
  write(BASE, { json: '{}', layersize: '0' });
  write(CHILD, { json: `{"parent_id":"sha256:${DERIVED}"}`, parent: BASE, layersize: '0' });
  expect((await store.graph.get(CHILD)).parent).toBe(BASE);
});

test('a parent that is no id is damage, wherever it stands', async () => {
  write(BASE, { json: `{"id":"${BASE}","parent":"../x"}`, layersize: '0' });
  write(CHILD, { json: `{"parent_id":"sha256:${DERIVED}"}`, parent: '../../etc', layersize: '0' });
  expect(await codeOf(store.graph.get(BASE))).toBe('INVALID_ID');
  expect(await codeOf(store.graph.get(CHILD))).toBe('INVALID_ID');
});
