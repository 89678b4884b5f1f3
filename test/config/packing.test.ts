import { expect, test } from 'vitest';
import { packingWith } from '../../src/config/packing.ts';
import type { CompressionSettings } from '../../src/config/settings.ts';

const SETTINGS: CompressionSettings = {
  default: 'auto',
  gzipLevel: 7,
  zstdLevel: 11,
  reproducible: false,
  libraries: 'auto',
};
const levelOf = (compression: string, level?: number): number | undefined =>
  packingWith({ compression, level }, SETTINGS).level;

test('a level of the settings is for the implementations that have such levels', () => {
  expect(['gzip', 'gzip:zlib', 'gzip:pako'].map((name) => levelOf(name))).toEqual([7, 7, 7]);
  expect(levelOf('zstd')).toBe(11);
  expect(['gzip:libdeflate', 'gzip:isal', 'none', 'keep'].map((name) => levelOf(name))).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

test('a level that was asked for counts more', () => {
  expect([levelOf('gzip:isal', 1), levelOf('gzip', 2)]).toEqual([1, 2]);
});
