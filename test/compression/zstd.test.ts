import { describe, expect, test } from 'vitest';
import { PART_BYTES } from '../../src/compression/codec.ts';
import { profileFor } from '../../src/compression/codecs.ts';
import { unzstd, zstdStream } from '../../src/compression/zstd.ts';
import { codeOf, pack, sampleBytes, unpack } from '../support/pack.ts';

const profile = profileFor({ compression: 'zstd' });
const text = Buffer.from('a layer');

function skippable(content: Buffer, claimed = content.length, magic = 0x184d2a50): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(magic, 0);
  head.writeUInt32LE(claimed, 4);
  return Buffer.concat([head, content]);
}

/** A frame header and nothing after it. */
const header = (...bytes: number[]): Buffer => Buffer.from([0x28, 0xb5, 0x2f, 0xfd, ...bytes]);

describe('a zstd stream that layermill reads', () => {
  test('may have skippable frames anywhere, or nothing else', () => {
    const skip = skippable(Buffer.from('ignored'), 7, 0x184d2a5f);
    const packed = Buffer.concat([skip, pack(profile, text), skip, skip, pack(profile, text), skip]);
    for (let at = 1; at < packed.length; at++) {
      expect(unpack('zstd', packed, [at, packed.length]).toString()).toBe('a layera layer');
    }
    expect(unpack('zstd', skip).length).toBe(0);
    expect(unpack('zstd', Buffer.alloc(0)).length).toBe(0);
  });

  test('with a skippable frame that is cut off is refused, whatever it claims', () => {
    expect(codeOf(() => unpack('zstd', skippable(Buffer.alloc(1000), 0xffffffff)))).toBe('COMPRESSION_INVALID');
    expect(codeOf(() => unpack('zstd', skippable(text).subarray(0, 7)))).toBe('COMPRESSION_INVALID');
  });

  test.each([
    ['a window of 2 GiB', header(0x00, (31 - 10) << 3, 1, 0, 0)],
    ['the largest window there is', header(0x00, 0xff, 1, 0, 0)],
    ['a single segment of 2^60 bytes', header(0xe0, 0, 0, 0, 0, 0, 0, 0, 0x10, 1, 0, 0)],
  ])('with %s is refused by the limit', (_what, packed) => {
    expect(codeOf(() => unpack('zstd', packed))).toBe('LIMIT_EXCEEDED');
    expect(codeOf(() => unpack('zstd', packed, [1]))).toBe('LIMIT_EXCEEDED');
  });

  test('with a window of 128 MiB is read', () => {
    expect(codeOf(() => unpack('zstd', header(0x00, (27 - 10) << 3, 1, 0, 0)))).toBe('none');
  });

  test.each([
    ['a dictionary', header(0x01, 0x40, 0x07, 1, 0, 0)],
    ['a reserved bit', header(0x08, 0x40, 1, 0, 0)],
    ['a reserved block type', header(0x00, 0x40, 7, 0, 0)],
  ])('with %s is refused', (_what, packed) => {
    expect(codeOf(() => unpack('zstd', packed))).toBe('COMPRESSION_INVALID');
  });

  test('of run-length blocks cannot grow past the limit', () => {
    // 128 KiB of one byte from four bytes of input
    const block = Buffer.from([0x02, 0x00, 0x10, 0x00]);
    const bomb = Buffer.concat([header(0x00, 0x58), ...Array<Buffer>(8192).fill(block), Buffer.from([1, 0, 0])]);
    expect(codeOf(() => unpack('zstd', bomb, [bomb.length], { outputBytes: 2 ** 40, ratio: 1000 }))).toBe(
      'LIMIT_EXCEEDED',
    );
    expect(codeOf(() => unpack('zstd', bomb, [bomb.length], { outputBytes: 1e6, ratio: 1e9 }))).toBe('LIMIT_EXCEEDED');
  });
});

test.each([1, 3, 7, 12, 19])('frames of level %i do not depend on what the encoder packed before', (level) => {
  const one = profileFor({ compression: 'zstd', level });
  const size = level > 12 ? 300_000 : 4 * 1024 ** 2;
  const alone = pack(one, sampleBytes(size, 5));
  const after = pack(one, Buffer.concat([sampleBytes(PART_BYTES, 9), sampleBytes(size, 5)]));
  expect(after.subarray(after.length - alone.length).equals(alone)).toBe(true);
});

describe('zstdStream', () => {
  const frames = (...inputs: Buffer[]): Buffer[] => {
    let out: Buffer[] = [];
    const stream = zstdStream(1, (chunk) => out.push(Buffer.from(chunk)));
    return inputs.map((input) => {
      out = [];
      for (let at = 0; at < input.length; at += 70_000) stream.write(input.subarray(at, at + 70_000));
      stream.end();
      return Buffer.concat(out);
    });
  };

  test('makes a frame of all until end, and another one of what comes after', () => {
    const inputs = [sampleBytes(1_000_000), Buffer.alloc(0), sampleBytes(3, 4)];
    const packed = frames(...inputs);
    packed.forEach((frame, index) => {
      expect(unzstd(frame, 1_000_000).equals(inputs[index] ?? text)).toBe(true);
    });
    expect(frames(inputs[2] ?? text)[0]?.equals(packed[2] ?? text)).toBe(true);
  });

  test('unzstd refuses more than it was told, and what is damaged or cut off', () => {
    const [packed = text] = frames(sampleBytes(5000));
    expect(unzstd(packed, 5000).length).toBe(5000);
    expect(codeOf(() => unzstd(packed, 4999))).toBe('COMPRESSION_INVALID');
    expect(codeOf(() => unzstd(packed.subarray(0, -1), 5000))).toBe('COMPRESSION_INVALID');
    expect(codeOf(() => unzstd(text, 5000))).toBe('COMPRESSION_INVALID');
  });
});
