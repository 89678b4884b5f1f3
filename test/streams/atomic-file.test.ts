import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { writeFileAtomic } from '../../src/streams/atomic-file.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'atomic-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

test('replaces the file as a whole, private, and leaves nothing beside it', async () => {
  const path = join(dir, 'file');
  await writeFileAtomic(path, 'one');
  const before = statSync(path);
  await writeFileAtomic(path, Buffer.from('two'), { sync: false, mode: 0o644 });
  expect(readFileSync(path, 'latin1')).toBe('two');
  expect(statSync(path).ino).not.toBe(before.ino);
  expect(before.mode & 0o777).toBe(0o600);
  expect(readdirSync(dir)).toEqual(['file']);
});

test('a write that cannot become the file leaves the old one and nothing beside it', async () => {
  const path = join(dir, 'taken');
  mkdirSync(path);
  await expect(writeFileAtomic(path, 'x')).rejects.toMatchObject({ code: 'EISDIR' });
  expect(readdirSync(dir)).toEqual(['taken']);
});

test('the bytes are on the disk before the name leads to them, and the name before the call ends', async () => {
  const path = join(dir, 'file');
  await writeFileAtomic(path, 'old');
  const handle = await open(path);
  const handles = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const { sync } = handles;
  const seen: string[] = [];
  const spy = vi.spyOn(handles, 'sync').mockImplementation(function (this: FileHandle) {
    seen.push(readFileSync(path, 'latin1'));
    return sync.call(this);
  });
  await writeFileAtomic(path, 'new');
  expect(seen).toEqual(['old', 'new']);
  await writeFileAtomic(path, 'newer', { sync: false });
  expect(seen).toHaveLength(2);
  spy.mockRestore();
});

test('parts are written in order, more than one system call takes too', async () => {
  const path = join(dir, 'parts');
  const parts = Array.from({ length: 3000 }, (_, at) => Buffer.from(`${at},`));
  await writeFileAtomic(path, parts);
  expect(readFileSync(path).equals(Buffer.concat(parts))).toBe(true);
});
