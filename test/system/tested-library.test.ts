import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hasCode } from '../../src/errors/kinds.ts';
import { NO_LIBRARY } from '../../src/system/native-library.ts';
import { type NativeLibrary, testedLibrary } from '../../src/system/tested-library.ts';

const child = join(import.meta.dirname, '../../src/system/library-child.dev.mjs');

test('a library that is not there is told from one that fails', () => {
  const missing = spawnSync(process.execPath, [child, 'libnone.so.1'], { encoding: 'utf8' });
  expect(missing.status).toBe(NO_LIBRARY);
  expect(missing.stdout).toBe('');
});

test('a library that is something else does not reach this process', () => {
  // every Linux has it, and it knows none of the functions
  const other = spawnSync(process.execPath, [child, 'libm.so.6'], { encoding: 'utf8' });
  expect([0, NO_LIBRARY]).not.toContain(other.status);
  expect(other.stdout).toBe('');
});

test.each([
  ['libdeflate', 'libdeflate.so.0', 'libdeflate0'],
  ['isal', 'libisal.so.2', 'libisal2'],
] as [NativeLibrary, string, string][])('%s is tested once, or said to be missing', async (name, library, debian) => {
  const first = testedLibrary(name);
  expect(testedLibrary(name)).toBe(first);
  try {
    const { file, version } = await first;
    expect(file).toContain(`/${library}`);
    expect(version).not.toBe('');
  } catch (error) {
    if (!hasCode(error, 'LIBRARY_UNAVAILABLE')) throw error;
    expect(error.details).toEqual({ library, package: debian, why: 'missing' });
    expect(process.env['LAYERMILL_TEST_LIBRARIES']).toBeUndefined();
    expect(error.message).toContain(debian);
  }
});
