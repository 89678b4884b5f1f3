import zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { gzipDecoder } from '../../src/compression/gzip.ts';
import type { Inflate } from '../../src/compression/inflate.ts';
import { minizlibInflate } from '../../src/compression/minizlib-inflate.ts';
import { zlibInflate } from '../../src/compression/zlib-inflate.ts';
import { codeOf, sampleBytes, WIDE } from '../support/pack.ts';

const BLOCK = 256 * 1024;
const zlibHandle = zlibInflate();

const WAYS: [string, Inflate][] = [['minizlib', minizlibInflate]];
if (zlibHandle !== undefined) WAYS.push(["zlib's handle", zlibHandle]);

const tried = /^v2[0-4]\./.test(process.version);
if (!tried) console.warn(`skipped: zlib's handle was not tried with Node ${process.version}`);

test.skipIf(!tried)("zlib's handle is what is known of it", () => {
  expect(zlibHandle).toBeDefined();
});

const read = (inflate: Inflate, packed: Buffer, piece = packed.length): Buffer => {
  const out: Buffer[] = [];
  const decoder = gzipDecoder((bytes) => out.push(Buffer.from(bytes)), WIDE, inflate);
  for (let at = 0; at < packed.length; at += piece) decoder.write(packed.subarray(at, at + piece));
  decoder.end();
  return Buffer.concat(out);
};

describe.each(WAYS)('gzip read by %s', (_name, inflate) => {
  test.each([0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])('%i bytes are whole, alone and behind others', (size) => {
    const input = sampleBytes(size);
    const member = zlib.gzipSync(input);
    expect(read(inflate, member).equals(input)).toBe(true);
    const members = Buffer.concat([member, member, zlib.gzipSync(sampleBytes(10)), member]);
    const whole = Buffer.concat([input, input, sampleBytes(10), input]);
    for (const piece of [members.length, 64 * 1024, 1000]) {
      expect(read(inflate, members, piece).equals(whole)).toBe(true);
    }
  });

  test('output that ends with a buffer, and padding or garbage behind it', () => {
    const input = sampleBytes(BLOCK);
    const member = zlib.gzipSync(input);
    const padded = Buffer.concat([member, Buffer.alloc(100)]);
    for (const piece of [padded.length, member.length, 1000])
      expect(read(inflate, padded, piece).equals(input)).toBe(true);
    for (const behind of ['x', '\0x']) {
      const wrong = Buffer.concat([member, Buffer.from(behind)]);
      for (const piece of [wrong.length, member.length, 1000]) {
        expect(codeOf(() => read(inflate, wrong, piece))).toBe('COMPRESSION_INVALID');
      }
    }
  });

  test('a member that is cut off, at a full buffer too, is refused', () => {
    const member = zlib.gzipSync(sampleBytes(BLOCK));
    for (const cut of [1, 4, 8, 9, 10, 1000, member.length - 1]) {
      expect(codeOf(() => read(inflate, member.subarray(0, -cut)))).toBe('COMPRESSION_INVALID');
    }
    expect(codeOf(() => read(inflate, Buffer.alloc(0)))).toBe('COMPRESSION_INVALID');
  });

  test('a bomb comes in pieces, and is refused', () => {
    const bomb = zlib.gzipSync(Buffer.alloc(200 * 1024 ** 2));
    let largest = 0;
    const limits = { outputBytes: 1024 ** 4, ratio: 100 };
    const decoder = gzipDecoder((bytes) => (largest = Math.max(largest, bytes.length)), limits, inflate);
    expect(codeOf(() => decoder.write(bomb))).toBe('LIMIT_EXCEEDED');
    expect(largest).toBe(BLOCK);
  });
});
