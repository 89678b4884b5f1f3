import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { crc32Combine } from '../../src/compression/crc32.ts';
import { sampleBytes } from '../support/pack.ts';

describe('crc32Combine', () => {
  test('of two pieces is the CRC of both together, wherever they were cut', () => {
    const bytes = sampleBytes(5000);
    const whole = crc32(bytes);
    for (let at = 0; at <= bytes.length; at += 113) {
      const parts = [bytes.subarray(0, at), bytes.subarray(at)] as const;
      expect(crc32Combine(crc32(parts[0]), crc32(parts[1]), parts[1].length)).toBe(whole);
    }
    expect(crc32Combine(whole, 0, 0)).toBe(whole);
    expect(crc32Combine(0, whole, bytes.length)).toBe(whole);
  });

  test('holds for lengths over 4 GiB', () => {
    // the CRC of n zeros by doubling, against one step over the whole length
    let doubled = crc32(Buffer.alloc(1024));
    let length = 1024;
    for (; length < 2 ** 35; length *= 2) doubled = crc32Combine(doubled, doubled, length);
    const kilobyte = crc32(Buffer.alloc(1024));
    let odd = crc32Combine(kilobyte, doubled, length);
    odd = crc32Combine(odd, kilobyte, 1024);
    expect(crc32Combine(kilobyte, crc32Combine(doubled, kilobyte, 1024), length + 1024)).toBe(odd);
  });
});
