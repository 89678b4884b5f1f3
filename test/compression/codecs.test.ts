import { describe, expect, test } from 'vitest';
import { decoderFor, profileFor } from '../../src/compression/codecs.ts';
import type { OutputCompression, PackingName } from '../../src/compression/codec.ts';
import { encoderSuite, streamSuite } from '../suites/codec.ts';
import { codeOf, WIDE } from '../support/pack.ts';

const none = profileFor({ compression: 'none' });
const gzip = profileFor({ compression: 'gzip' });
const pako = profileFor({ compression: 'gzip', reproducible: true, level: 1 });
const zstd = profileFor({ compression: 'zstd' });

encoderSuite('none', none);
encoderSuite('gzip by zlib', gzip, ['gzip', '-dc']);
encoderSuite('gzip by pako', pako, ['gzip', '-dc']);
encoderSuite('zstd', zstd, ['zstd', '-dcq']);
streamSuite('gzip', gzip);
streamSuite('zstd', zstd);

describe('profileFor', () => {
  test('takes zlib for speed, pako for the same bytes everywhere, zstd for both', () => {
    expect(profileFor({ compression: 'gzip' })).toEqual({ compression: 'gzip', level: 4, implementation: 'zlib' });
    expect(profileFor({ compression: 'gzip', reproducible: true }).implementation).toBe('pako');
    expect(profileFor({ compression: 'zstd', reproducible: true }).implementation).toBe('zstd');
    expect(profileFor({ compression: 'none' }).implementation).toBe('none');
  });

  test('takes the implementation that is named', () => {
    const made = (['gzip:zlib', 'gzip:pako', 'gzip:libdeflate', 'gzip:isal'] as const).map((compression) =>
      profileFor({ compression }),
    );
    expect(made.map(({ compression }) => compression)).toEqual(['gzip', 'gzip', 'gzip', 'gzip']);
    expect(made.map(({ implementation }) => implementation)).toEqual(['zlib', 'pako', 'libdeflate', 'isal']);
    expect(made[0]).toEqual(profileFor({ compression: 'gzip' }));
    expect(made[1]).toEqual(profileFor({ compression: 'gzip', reproducible: true }));
  });

  test('refuses to call other implementations reproducible', () => {
    const code = (compression: PackingName): string => codeOf(() => profileFor({ compression, reproducible: true }));
    expect(code('gzip:pako')).toBe('none');
    expect(code('gzip:zlib')).toBe('INVALID_ARGUMENT');
    expect(code('gzip:libdeflate')).toBe('INVALID_ARGUMENT');
    expect(code('gzip:isal')).toBe('INVALID_ARGUMENT');
  });

  test.each([
    ['gzip', 0],
    ['gzip', 10],
    ['gzip', 4.5],
    ['gzip', Number.NaN],
    ['zstd', 0],
    ['zstd', 23],
    ['none', 1],
    ['gzip:libdeflate', 0],
    ['gzip:libdeflate', 13],
    ['gzip:isal', 4],
    ['gzip:isal', -1],
  ] as const)('refuses %s level %d', (compression, level) => {
    expect(codeOf(() => profileFor({ compression, level }))).toBe('INVALID_ARGUMENT');
  });
});

test.each([
  ['TestCompressStreamXzUnsuported', 'xz'],
  ['TestCompressStreamBzip2Unsupported', 'bzip2'],
  ['TestCompressStreamInvalid', 'toString'],
  ['TestCompressStreamInvalid: the name of an implementation', 'zlib'],
])('%s', (_, compression) => {
  expect(codeOf(() => profileFor({ compression: compression as OutputCompression }))).toBe('INVALID_ARGUMENT');
});

test('xz and bzip2 have no decoder in a thread', () => {
  expect(codeOf(() => decoderFor('xz', () => {}, WIDE))).toBe('UNSUPPORTED_COMPRESSION');
  expect(codeOf(() => decoderFor('bzip2', () => {}, WIDE))).toBe('UNSUPPORTED_COMPRESSION');
});
