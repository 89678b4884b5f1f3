import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { partEncoder, profileFor } from '../../src/compression/codecs.ts';
import { profileText } from '../../src/compression/profile-text.ts';
import { encoderSuite, streamSuite } from '../suites/codec.ts';
import { profileIfHere } from '../support/library.ts';
import { codeOf, pack, sampleBytes } from '../support/pack.ts';

const libdeflate = await profileIfHere(profileFor({ compression: 'gzip:libdeflate' }));
const isal = await profileIfHere(profileFor({ compression: 'gzip:isal' }));

const membersOf = (packed: Buffer): number => {
  let count = 0;
  for (let at = packed.indexOf('1f8b0800', 0, 'hex'); at >= 0; at = packed.indexOf('1f8b0800', at + 4, 'hex')) count++;
  return count;
};

test.each(['gzip:libdeflate', 'gzip:isal'] as const)('%s is not packed with before its library was tested', (name) => {
  expect(codeOf(() => partEncoder(profileFor({ compression: name })))).toBe('INTERNAL');
});

if (libdeflate !== undefined) {
  encoderSuite('gzip by libdeflate', libdeflate, ['gzip', '-dc']);
  streamSuite('gzip by libdeflate', libdeflate);

  describe('gzip by libdeflate', () => {
    test('has a member for each MiB, with neither time nor name', () => {
      const packed = pack(libdeflate, sampleBytes(3 * 1024 ** 2 + 1));
      expect(membersOf(packed)).toBe(4);
      expect(packed.subarray(0, 8).toString('hex')).toBe('1f8b080000000000');
    });

    test('packs with every level, what cannot be packed too', () => {
      for (let level = 1; level <= 12; level++) {
        const profile = { ...libdeflate, level };
        for (const input of [sampleBytes(100_000), pack(libdeflate, sampleBytes(1_500_000))]) {
          expect(gunzipSync(pack(profile, input)).equals(input)).toBe(true);
        }
      }
    });

    test('tells which library it was', () => {
      expect(profileText(libdeflate)).toMatch(/^gzip:libdeflate\/(\d+\.\d+|so\.\d+-[\da-f]{8}):l2:m1M$/);
    });
  });
}

if (isal !== undefined) {
  for (const level of [0, 1, 2, 3]) encoderSuite(`gzip by ISA-L ${level}`, { ...isal, level }, ['gzip', '-dc']);
  streamSuite('gzip by ISA-L', isal);

  describe('gzip by ISA-L', () => {
    test('is one member whose header tells neither time, name nor system', () => {
      const packed = pack(isal, sampleBytes(3 * 1024 ** 2));
      expect(packed.subarray(0, 10).toString('hex')).toBe('1f8b08000000000000ff');
      expect(gunzipSync(packed).equals(sampleBytes(3 * 1024 ** 2))).toBe(true);
    });

    test('packs what cannot be packed, with every level', () => {
      const noise = pack(isal, sampleBytes(5_000_000));
      expect(noise.length).toBeGreaterThan(2 * 1024 ** 2);
      for (const level of [0, 1, 2, 3]) expect(gunzipSync(pack({ ...isal, level }, noise)).equals(noise)).toBe(true);
    });

    test('tells which library it was', () => {
      expect(profileText(isal)).toMatch(/^gzip:isal\/\d+\.\d+:l3:b1M$/);
    });
  });
}
