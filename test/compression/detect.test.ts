import { describe, expect, test } from 'vitest';
import { detectCompression } from '../../src/compression/detect.ts';

const head = (hex: string, rest = '00000000000000000000'): Buffer => Buffer.from(hex + rest, 'hex');

describe('detectCompression', () => {
  test.each([
    ['gzip', head('1f8b08')],
    ['zstd', head('28b52ffd')],
    ['zstd', head('502a4d18')],
    ['zstd', head('5f2a4d18')],
    ['xz', head('fd377a585a00')],
    ['bzip2', head('425a6839314159265359')],
    ['bzip2', head('425a6839177245385090')],
    ['none', head('602a4d18')],
    ['none', head('4f2a4d18')],
    ['none', Buffer.from('BZh-notes.txt\0\0\0')],
    ['none', Buffer.from('usr/\0\0\0\0\0\0\0')],
    ['none', Buffer.alloc(512)],
  ])('%s', (expected, bytes) => {
    expect(detectCompression(bytes)).toBe(expected);
  });

  test('the beginning of a magic is none, a whole one with nothing behind it is what it says', () => {
    for (const whole of ['1f8b08', '28b52ffd', 'fd377a585a00']) {
      for (let length = 0; length < whole.length; length += 2) {
        expect(detectCompression(Buffer.from(whole.slice(0, length), 'hex'))).toBe('none');
      }
      expect(detectCompression(Buffer.from(whole, 'hex'))).not.toBe('none');
    }
    expect(detectCompression(Buffer.from('502a4d18000000', 'hex'))).toBe('none');
  });
});
