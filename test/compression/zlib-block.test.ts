import zlib from 'node:zlib';
import { expect, test } from 'vitest';
import { zlibBlock } from '../../src/compression/zlib-block.ts';
import { codeOf, sampleBytes } from '../support/pack.ts';

const packed = (block: Buffer, level: number): Buffer => {
  const made: Buffer[] = [];
  zlibBlock(block, level, (bytes) => made.push(Buffer.from(bytes)));
  return Buffer.concat(made);
};
const anew = (block: Buffer, level: number): Buffer =>
  zlib.deflateRawSync(block, { level, memLevel: 9, finishFlush: zlib.constants.Z_FULL_FLUSH });

test('a block is what the public function makes of it, whatever was packed before it', () => {
  for (const level of [1, 4, 9, 4, 6]) {
    for (const size of [1, 100, 65_536, 1024 ** 2, 1024 ** 2 + 3]) {
      const block = sampleBytes(size, level + size);
      expect(packed(block, level).equals(anew(block, level))).toBe(true);
    }
  }
});

test('it is that too where its end falls on the end of a piece of output', () => {
  // stored as it is, noise grows by a few bytes: so many sizes meet every way of the end and the boundary
  const noise = zlib.deflateRawSync(sampleBytes(60_000));
  for (let size = 16_320; size < 16_400; size++) {
    const block = noise.subarray(0, size);
    expect(packed(block, 4).equals(anew(block, 4))).toBe(true);
  }
});

test('more than one buffer of output is whole', () => {
  const noise = zlib.deflateRawSync(sampleBytes(1_500_000));
  expect(noise.length).toBeGreaterThan(512 * 1024);
  expect(zlib.inflateRawSync(Buffer.concat([packed(noise, 4), Buffer.from([3, 0])])).equals(noise)).toBe(true);
  expect(packed(noise, 4).equals(anew(noise, 4))).toBe(true);
});

test('a sink that throws in the middle of a block leaves nothing behind', () => {
  const noise = zlib.deflateRawSync(sampleBytes(1_500_000));
  const full = (): never => {
    throw Object.assign(new Error('full'), { code: 'ENOSPC' });
  };
  expect(codeOf(() => zlibBlock(noise, 4, full))).toBe('ENOSPC');
  expect(packed(noise, 4).equals(anew(noise, 4))).toBe(true);
});
