import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { spoolToFile } from '../../src/streams/spool.ts';

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'spool-'));
  path = join(dir, 'file');
});
afterEach(() => rmSync(dir, { recursive: true }));

const plenty = { maxBytes: 1 << 20 };

test('TestHashData: the digest is of the bytes', async () => {
  const spooled = await spoolToFile(Readable.from([Buffer.from('hash-'), Buffer.from('me')]), path, plenty);
  expect(spooled).toEqual({
    path,
    size: 7,
    digest: 'sha256:4d11186aed035cc624d553e10db358492c84a7cd6b9670d92123c144930450aa',
  });
  expect(readFileSync(path, 'latin1')).toBe('hash-me');
});

test('an async iterable of large chunks arrives whole', async () => {
  const chunk = Buffer.alloc(300_000, 7);
  const source = (async function* () {
    for (let i = 0; i < 3; i++) yield chunk;
  })();
  const spooled = await spoolToFile(source, path, plenty);
  const whole = Buffer.concat([chunk, chunk, chunk]);
  expect(spooled.digest).toBe(`sha256:${createHash('sha256').update(whole).digest('hex')}`);
  expect(readFileSync(path).equals(whole)).toBe(true);
});

test("a source that breaks leaves no file, and the error is the source's own", async () => {
  const source = new PassThrough();
  source.write('But I am');
  const spooling = spoolToFile(source, path, plenty);
  const broken = new Error('broken pipe');
  source.destroy(broken);
  await expect(spooling).rejects.toBe(broken);
  expect(readdirSync(dir)).toEqual([]);
});

test('a source that is too long is refused and destroyed', async () => {
  const source = new PassThrough();
  source.write(Buffer.alloc(11));
  await expect(spoolToFile(source, path, { maxBytes: 10 })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  expect(source.destroyed).toBe(true);
  expect(readdirSync(dir)).toEqual([]);
});

test('a silent source does not stop a cancel', async () => {
  const stop = new AbortController();
  const stream = new PassThrough();
  const never = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
  for (const source of [stream, never]) {
    const spooling = spoolToFile(source, path, { ...plenty, signal: stop.signal });
    await setImmediate();
    stop.abort();
    await expect(spooling).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(readdirSync(dir)).toEqual([]);
  }
  expect(stream.destroyed).toBe(true);
});

test('text instead of bytes is refused', async () => {
  const source = Readable.from(['text'], { objectMode: true });
  await expect(spoolToFile(source, path, plenty)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});

test('an existing file is not touched, and the source is given up', async () => {
  await spoolToFile(Readable.from([Buffer.from('first')]), path, plenty);
  const source = new PassThrough();
  await expect(spoolToFile(source, path, plenty)).rejects.toMatchObject({ code: 'EEXIST' });
  expect(source.destroyed).toBe(true);
  expect(readFileSync(path, 'latin1')).toBe('first');
});
