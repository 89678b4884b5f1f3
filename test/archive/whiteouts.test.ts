import { describe, expect, it } from 'vitest';
import { classifyName, cleanName, cleanPath } from '../../src/archive/whiteouts.ts';
import { shownName } from '../../src/archive/shown-name.ts';

describe('cleanName', () => {
  it.each([
    ['a', 'a'],
    ['a/b/c', 'a/b/c'],
    ['./a', 'a'],
    ['/a', 'a'],
    ['////etc/passwd', 'etc/passwd'],
    ['a/', 'a'],
    ['a//b///', 'a/b'],
    ['b/../a', 'a'],
    ['a/./b/.', 'a/b'],
    ['a/b/../../c', 'c'],
    ['.', ''],
    ['./', ''],
    ['', ''],
    ['/', ''],
    ['a/..', ''],
    ['..gitme', '..gitme'],
    ['...', '...'],
    ['a/..b/.c', 'a/..b/.c'],
    ['.hidden/.x', '.hidden/.x'],
    ['..\\..\\victim', '..\\..\\victim'],
    ['c:/x', 'c:/x'],
    ['a\xff', 'a\xff'],
    ['dne/../.wh.etc', '.wh.etc'],
  ])('%j is %j', (name, clean) => {
    expect(cleanName(name)).toBe(clean);
    expect(cleanName(clean)).toBe(clean);
  });

  it.each([
    '..',
    '../',
    '../..',
    '/..',
    '../victim/dotdot',
    '/../victim/slash-dotdot',
    'tmp/../../victim/x',
    './..',
    'a/../../a',
    '../.wh.victim',
  ])('%j leads out of the root', (name) => {
    expect(() => cleanName(name)).toThrow(
      expect.objectContaining({ code: 'ENTRY_OUTSIDE_ROOT', details: { entry: name } }),
    );
    expect(cleanPath(name)).toBeNull();
  });

  it('cleans a path of a hundred thousand components without recursion', () => {
    expect(cleanName(`${'d/../'.repeat(100_000)}f`)).toBe('f');
  });
});

describe('classifyName', () => {
  it.each([
    ['', 'plain', '', ''],
    ['a', 'plain', '', 'a'],
    ['d/e/f', 'plain', 'd/e', 'f'],
    ['.wh.a', 'whiteout', '', 'a'],
    ['d/.wh.a', 'whiteout', 'd', 'a'],
    ['.wh..baz', 'whiteout', '', '.baz'],
    ['d/.wh....', 'whiteout', 'd', '...'],
    ['.wh.etc/somefile', 'plain', '.wh.etc', 'somefile'],
    ['.wh..wh..opq', 'opaque', '', ''],
    ['d/e/.wh..wh..opq', 'opaque', 'd/e', ''],
    ['d/.wh..wh.foo', 'whiteout', 'd', '.wh.foo'],
    ['d/.wh..wh.aufs', 'whiteout', 'd', '.wh.aufs'],
    ['.wh..wh.aufs', 'aufs', '', '.wh..wh.aufs'],
    ['.wh..wh.orph/x', 'aufs', '.wh..wh.orph', 'x'],
    ['.wh..wh.plnk/77.1', 'aufs', '.wh..wh.plnk', '77.1'],
    ['.wh.', null, '', ''],
    ['.wh..', null, '', ''],
    ['.wh...', null, '', ''],
    ['some/path/.wh.', null, '', ''],
    ['etc/.wh..', null, '', ''],
    ['etc/.wh...', null, '', ''],
    ['wh.a', 'plain', '', 'wh.a'],
    ['.wha', 'plain', '', '.wha'],
  ])('%j is %s', (path, kind, dir, base) => {
    if (kind === null) expect(() => classifyName(path)).toThrow(expect.objectContaining({ code: 'WHITEOUT_INVALID' }));
    else expect(classifyName(path)).toEqual({ kind, dir, base });
  });
});

describe('shownName', () => {
  it.each([
    ['usr/lib', 'usr/lib'],
    ['caf\xc3\xa9', 'café'],
    ['a\x1b[2J', 'a\\u{1b}[2J'],
    ['a\nb', 'a\\nb'],
    ['a\\b', 'a\\\\b'],
    ['\xff', '\\xff'],
    ['caf\xc3\xa9\xff', 'caf\\xc3\\xa9\\xff'],
    ['\xe2\x80\xae', '\\u{202e}'],
    ['\xc2\x9b', '\\u{9b}'],
    ['\x7f', '\\u{7f}'],
  ])('%j is shown as %s', (name, shown) => {
    expect(shownName(name)).toBe(shown);
  });

  it('cuts what no file system takes', () => {
    expect(shownName('x'.repeat(100_000)).length).toBeLessThan(5000);
  });
});
