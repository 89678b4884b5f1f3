import { describe, expect, test } from 'vitest';
import { hasCode } from '../../src/errors/kinds.ts';
import { check, ENOENT, errnoName, ENOSPC } from '../../src/system/errno.ts';
import { openSystem } from '../../src/system/select.ts';

describe('openSystem', () => {
  test('gives the portable system to whoever prefers it', () => {
    expect(openSystem({ prefer: 'portable' }).kind).toBe('portable');
  });

  test('gives each caller an object of its own', () => {
    expect(openSystem()).not.toBe(openSystem());
  });
});

describe('check', () => {
  const thrownBy = (call: () => unknown): unknown => {
    try {
      return call();
    } catch (error) {
      return error;
    }
  };

  test('gives results on', () => {
    expect(check(0, 'close')).toBe(0);
    expect(check(17, 'open')).toBe(17);
    expect(check<string>('target', 'readlink')).toBe('target');
  });

  test('throws the coded error of a negative one, with a readable path', () => {
    expect(
      hasCode(
        thrownBy(() => check(-ENOSPC, 'write', 'f')),
        'NO_SPACE',
      ),
    ).toBe(true);
    const missing = thrownBy(() => check(-ENOENT, 'open', 'caf\xc3\xa9'));
    expect(missing).toMatchObject({ code: 'FILE_NOT_FOUND', details: { path: 'café' } });
    expect(thrownBy(() => check(-ENOENT, 'open', 'a\xff'))).toMatchObject({ details: { path: 'a\xff' } });
  });

  test('errnoName names numbers, and says those it does not know', () => {
    expect(errnoName(-ENOENT)).toBe('ENOENT');
    expect(errnoName(-99999)).toBe('E99999');
  });
});
