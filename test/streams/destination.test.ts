import {
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findDestination, writeTo } from '../../src/streams/destination.ts';
import { isDevice, makeFifo, makeSink } from '../support/special-files.ts';

let dir: string;
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'destination-')));
});
afterEach(() => rmSync(dir, { recursive: true }));

const at = (name: string): string => join(dir, name);

async function put(path: string, text: string, signal?: AbortSignal): Promise<void> {
  const destination = await findDestination(path);
  if (destination.kind === 'stdout') throw new Error(`${path} is stdout`);
  await writeTo(destination, (to) => write(to, text), { signal });
}

function write(to: Writable, text: string): Promise<void> {
  return new Promise((resolve, reject) => to.write(text, (error) => (error == null ? resolve() : reject(error))));
}

test('a file appears, or replaces another, as a whole', async () => {
  await put(at('file'), 'one');
  const before = lstatSync(at('file')).ino;
  await put(at('file'), 'two');
  expect(readFileSync(at('file'), 'utf8')).toBe('two');
  expect(lstatSync(at('file')).ino).not.toBe(before);
  expect(readdirSync(dir)).toEqual(['file']);
});

test('a write that fails leaves the old file, and nothing beside it', async () => {
  writeFileSync(at('file'), 'old');
  const destination = await findDestination(at('file'));
  const failing = writeTo(destination as { kind: 'file'; path: string }, async (to) => {
    await write(to, 'half');
    throw new Error('enough');
  });
  await expect(failing).rejects.toThrow('enough');
  expect(readFileSync(at('file'), 'utf8')).toBe('old');
  expect(readdirSync(dir)).toEqual(['file']);
});

test.each([
  ['a link', 'target'],
  ['a link to a link', 'second'],
  ['a link into another directory', '../up/target'],
])('%s stays, and the file at its end is replaced', async (_what, first) => {
  mkdirSync(at('real'));
  mkdirSync(at('up'));
  symlinkSync('../real', at('up/to-real'));
  symlinkSync('target', at('real/second'));
  symlinkSync(first, at('real/link'));
  const end = first.startsWith('..') ? at('up/target') : at('real/target');
  for (const text of ['made', 'replaced']) {
    await put(at('up/to-real/link'), text);
    expect(readlinkSync(at('real/link'))).toBe(first);
    expect(lstatSync(end).isFile()).toBe(true);
    expect(readFileSync(end, 'utf8')).toBe(text);
  }
});

test('a device stays a device, also behind a link', async () => {
  if (!makeSink(at('null'))) return;
  symlinkSync('null', at('link'));
  await put(at('null'), 'x');
  await put(at('link'), 'x');
  expect(isDevice(at('null'))).toBe(true);
  expect(readdirSync(dir).toSorted()).toEqual(['link', 'null']);
});

test('a FIFO gets the bytes once somebody reads', async () => {
  makeFifo(at('fifo'));
  const writing = put(at('fifo'), 'through');
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await readFile(at('fifo'), 'utf8')).toBe('through');
  await writing;
  expect(lstatSync(at('fifo')).isFIFO()).toBe(true);
});

test('a FIFO that nobody reads can be given up', async () => {
  makeFifo(at('fifo'));
  await expect(put(at('fifo'), 'x', AbortSignal.timeout(50))).rejects.toMatchObject({ code: 'CANCELLED' });
});

test('an open descriptor is written where it stands, and stays open', async () => {
  const fd = openSync(at('log'), 'w');
  try {
    writeSync(fd, 'before ');
    await put(`/dev/fd/${fd}`, 'between ');
    writeSync(fd, 'after');
    expect(readFileSync(at('log'), 'utf8')).toBe('before between after');
  } finally {
    closeSync(fd);
  }
});

test.each(['-', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1'])('%s is stdout', async (path) => {
  expect(await findDestination(path)).toEqual({ kind: 'stdout' });
});

test('directories and links in circles are refused by name', async () => {
  symlinkSync('circle', at('circle'));
  for (const path of [dir, at('circle')]) {
    await expect(findDestination(path)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { argument: path },
    });
  }
});
