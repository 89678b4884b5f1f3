import { createHash } from 'node:crypto';
import { crc32, deflateRawSync, gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { profileFor } from '../../src/compression/codecs.ts';
import { codeOf, pack, sampleBytes, unpack } from '../support/pack.ts';

const profile = profileFor({ compression: 'gzip' });
const text = Buffer.from('a layer');
/** Of 2,500,000 sample bytes: another version of pako that changes it changes digests of images, which people must be told. */
const PAKO_SHA256 = 'f4a3e3d466b576dfaa20b386f1eb04acf8ddefc762d4693a72ac6cf280fafb35';
const zeros = (count: number): Buffer => Buffer.alloc(count);

/** A member by hand: `flags` and the header fields that they announce. */
function member(flags: number, fields: Buffer, body = text): Buffer {
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(body), 0);
  trailer.writeUInt32LE(body.length, 4);
  return Buffer.concat([Buffer.from([0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3]), fields, deflateRawSync(body), trailer]);
}

describe('a gzip stream that layermill writes', () => {
  test('is one member whose header tells neither time, name nor system', () => {
    const packed = pack(profile, sampleBytes(3 * 1024 ** 2));
    expect(packed.subarray(0, 10).toString('hex')).toBe('1f8b08000000000000ff');
    expect(gunzipSync(packed).equals(sampleBytes(3 * 1024 ** 2))).toBe(true);
    expect(packed.readUInt32LE(packed.length - 4)).toBe(3 * 1024 ** 2);
  });

  test('says in its header whether it was made for speed or size', () => {
    const flag = (level: number): number | undefined => pack(profileFor({ compression: 'gzip', level }), text)[8];
    expect([flag(1), flag(4), flag(9)]).toEqual([4, 0, 2]);
  });

  test('by pako has the same bytes on every machine', () => {
    const reproducible = profileFor({ compression: 'gzip', reproducible: true });
    const digest = createHash('sha256')
      .update(pack(reproducible, sampleBytes(2_500_000)))
      .digest('hex');
    expect(digest).toBe(PAKO_SHA256);
  });
});

describe('a gzip stream that layermill reads', () => {
  test('TestDecompressStreamGzip: an empty stream is no bytes', () => {
    expect(unpack('gzip', gzipSync(zeros(0)))).toEqual(zeros(0));
  });

  test('may have extra fields, a name, a comment and a header checksum', () => {
    const extra = Buffer.concat([Buffer.from([0xff, 0xff]), zeros(65535)]);
    const name = Buffer.from('name\0');
    expect(unpack('gzip', member(0x04, extra)).equals(text)).toBe(true);
    expect(unpack('gzip', member(0x18, Buffer.concat([name, name])), [1]).equals(text)).toBe(true);
    const head = Buffer.from([0x1f, 0x8b, 8, 0x02, 0, 0, 0, 0, 0, 3]);
    const checksum = Buffer.alloc(2);
    checksum.writeUInt16LE(crc32(head) & 0xffff);
    expect(unpack('gzip', member(0x02, checksum)).equals(text)).toBe(true);
  });

  test.each([
    ['a wrong header checksum', member(0x02, Buffer.from([1, 2]))],
    ['reserved flags', member(0x80, Buffer.alloc(0))],
    [
      'a name without an end',
      Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3]), Buffer.alloc(1e6, 'n')]),
    ],
    ['another method', Buffer.from([0x1f, 0x8b, 7, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
    [
      'a preset dictionary out of reach',
      Buffer.concat([member(0, Buffer.alloc(0)).subarray(0, 10), Buffer.from('4b040000', 'hex')]),
    ],
  ])('with %s is refused', (_what, packed) => {
    expect(codeOf(() => unpack('gzip', packed))).toBe('COMPRESSION_INVALID');
  });

  test('with a wrong CRC or size is refused', () => {
    const packed = pack(profile, text);
    for (let back = 1; back <= 8; back++) {
      const wrong = Buffer.from(packed);
      wrong[packed.length - back] = (wrong[packed.length - back] ?? 0) ^ 0x01;
      expect(codeOf(() => unpack('gzip', wrong))).toBe('COMPRESSION_INVALID');
    }
  });

  test('may be padded with zeros, in any pieces', () => {
    for (const count of [1, 7, 512, 200_000]) {
      const padded = Buffer.concat([pack(profile, text), zeros(count)]);
      expect(unpack('gzip', padded).equals(text)).toBe(true);
      expect(unpack('gzip', padded, [padded.length - count, 1000]).equals(text)).toBe(true);
      if (count < 1000) expect(unpack('gzip', padded, [1]).equals(text)).toBe(true);
    }
  });

  test('with a member or garbage behind zeros is refused, not cut short', () => {
    const packed = pack(profile, text);
    for (const behind of [packed, Buffer.from('x'), Buffer.from([0x1f])]) {
      const hiding = Buffer.concat([packed, zeros(512), behind]);
      for (const pieces of [[hiding.length], [packed.length, 512], [packed.length + 100, 1000], [1]]) {
        expect(codeOf(() => unpack('gzip', hiding, pieces))).toBe('COMPRESSION_INVALID');
      }
    }
  });

  test('ending in the first byte of another member is refused', () => {
    expect(codeOf(() => unpack('gzip', Buffer.concat([pack(profile, text), Buffer.from([0x1f])])))).toBe(
      'COMPRESSION_INVALID',
    );
  });

  test('may have a hundred thousand empty members', () => {
    const empty = Buffer.from('1f8b080000000000000303000000000000000000', 'hex');
    expect(unpack('gzip', Buffer.concat(Array<Buffer>(100_000).fill(empty))).length).toBe(0);
  });

  test('is unpacked once, not twice', () => {
    const inner = pack(profile, text);
    expect(unpack('gzip', pack(profile, inner)).equals(inner)).toBe(true);
  });
});
