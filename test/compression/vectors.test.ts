import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Compression } from '../../src/compression/codec.ts';
import { windowOf } from '../../src/compression/zstd-frame.ts';
import { codeOf, unpack } from '../support/pack.ts';

const VECTORS = join(import.meta.dirname, '../../../shared/corpus/facebook_zstd/tests');
const here = existsSync(VECTORS);
if (!here) console.warn("skipped: zstd's own test vectors are not there");

describe.skipIf(!here)("zstd's own vectors", () => {
  test.each([
    ['golden-decompression', 'zstd', 'none'],
    ['golden-decompression-errors', 'zstd', 'COMPRESSION_INVALID'],
    ['gzip', 'gzip', 'COMPRESSION_INVALID'],
  ] as [string, Compression, string][])('%s', (directory, compression, expected) => {
    const names = readdirSync(join(VECTORS, directory));
    const read = (name: string, piece?: number): string => {
      const bytes = readFileSync(join(VECTORS, directory, name));
      return codeOf(() => unpack(compression, bytes, [piece ?? bytes.length]));
    };
    expect(names.length).toBeGreaterThan(0);
    expect(names.map((name) => [name, read(name), read(name, 1)])).toEqual(
      names.map((name) => [name, expected, expected]),
    );
  });
});

test('windowOf reads every form of header', () => {
  const window = (...bytes: number[]): number => windowOf(Buffer.from([0x28, 0xb5, 0x2f, 0xfd, ...bytes]));
  expect(window(0x00, 0x00)).toBe(1024);
  expect(window(0x00, 0x07)).toBe(1024 + 7 * 128);
  expect(window(0x20, 0x05)).toBe(5);
  expect(window(0x61, 0xaa, 0x05, 0x01)).toBe(0x0105);
  expect(window(0xa3, 1, 2, 3, 4, 9, 0, 0, 0)).toBe(9);
  expect(window(0xe0, 0, 0, 0, 0, 1, 0, 0, 0)).toBe(2 ** 32);
  expect([window(0xe0, 0, 0, 0), window(0x00), windowOf(Buffer.from('not a frame'))]).toEqual([0, 0, 0]);
});
