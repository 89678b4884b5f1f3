import { describe, expect, test } from 'vitest';
import { Crc64 } from '../../src/compression/crc64.ts';
import { sampleBytes } from '../support/pack.ts';

function crc64(bytes: Buffer): string {
  const crc = new Crc64();
  crc.update(bytes, 0, bytes.length);
  return crc.high.toString(16).padStart(8, '0') + crc.low.toString(16).padStart(8, '0');
}

describe('Crc64', () => {
  test.each([
    ['', '0000000000000000'],
    ['123456789', 'b90956c775a41001'],
    ['Hello world!\n', '844db9cf17f72ad9'],
    ['hi\n', '6149981000000000'],
  ])('of %j is what is published for it', (text, expected) => {
    expect(crc64(Buffer.from(text))).toBe(expected);
  });

  test('is the same wherever the bytes lie in memory and however they come', () => {
    const bytes = sampleBytes(1000);
    const whole = crc64(bytes);
    for (let shift = 0; shift < 8; shift++) {
      const moved = Buffer.alloc(1008);
      bytes.copy(moved, shift);
      expect(crc64(moved.subarray(shift, shift + 1000))).toBe(whole);
    }
    const crc = new Crc64();
    crc.update(bytes, 0, 7);
    crc.reset();
    for (let at = 0; at < 1000; at += 13) crc.update(bytes, at, Math.min(1000, at + 13));
    expect(crc.high.toString(16) + crc.low.toString(16).padStart(8, '0')).toBe(whole.replace(/^0+/, ''));
  });
});
