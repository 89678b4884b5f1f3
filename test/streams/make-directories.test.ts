import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeDirectories } from '../../src/streams/make-directories.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'make-directories-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

test('makes what is missing, and says where that began', async () => {
  expect(await makeDirectories(join(dir, 'a/b/c'))).toBe(join(dir, 'a'));
  expect(await makeDirectories(join(dir, 'a/b/d/'))).toBe(join(dir, 'a/b/d'));
  expect(await makeDirectories(join(dir, 'a/b/c'))).toBeUndefined();
  expect(existsSync(join(dir, 'a/b/c'))).toBe(true);
});

test('keeps to a path that begins at the current directory', async () => {
  const path = relative(process.cwd(), join(dir, 'a/b'));
  expect(await makeDirectories(path)).toBe(relative(process.cwd(), join(dir, 'a')));
});

test('two that make the same are both right', async () => {
  await Promise.all(['x', 'y'].map((name) => makeDirectories(join(dir, 'a/b', name))));
  expect(['x', 'y'].map((name) => existsSync(join(dir, 'a/b', name)))).toEqual([true, true]);
});

test('says why it cannot be, and does not try for ever', async () => {
  writeFileSync(join(dir, 'file'), '');
  await expect(makeDirectories(join(dir, 'file'))).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(makeDirectories(join(dir, 'file/a'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  await expect(makeDirectories('/proc/layermill/a')).rejects.toMatchObject({ code: 'ENOENT' });
});
