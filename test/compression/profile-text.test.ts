import { expect, test } from 'vitest';
import { profileFor } from '../../src/compression/codecs.ts';
import { profileText } from '../../src/compression/profile-text.ts';

test('a profile tells implementation, version, level and cuts', () => {
  const version = String.raw`\d+\.\d+[\w.-]*`;
  expect(profileText(profileFor({ compression: 'none' }))).toBe('none');
  expect(profileText(profileFor({ compression: 'gzip' }))).toBe(`gzip:zlib/${process.versions.zlib}:l4:b1M`);
  expect(profileText(profileFor({ compression: 'gzip', reproducible: true, level: 9 }))).toMatch(
    new RegExp(`^gzip:pako/${version}:l9:b1M$`),
  );
  expect(profileText(profileFor({ compression: 'zstd' }))).toMatch(new RegExp(`^zstd/${version}:l3:f8M$`));
});
