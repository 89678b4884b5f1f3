import { lstatSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { listChanges } from '../../src/archive/changes.ts';
import { writeDirectory } from '../../src/archive/changeset.ts';
import { openTree } from '../../src/archive/merged-tree.ts';
import { profileFor } from '../../src/compression/codecs.ts';
import { DETECT_BYTES, detectCompression } from '../../src/compression/detect.ts';
import { openSystem } from '../../src/system/select.ts';
import { changeText } from '../support/change-text.ts';
import { contents, LayerLab, type Style } from '../support/layer-lab.ts';
import { Scratch, type TreeSpec } from '../support/make-tree.ts';
import { pack } from '../support/pack.ts';
import { type ReadEntry, readTar } from '../support/read-tar.ts';
import { dir, file, hardlink, paxGlobal, symlink, tar } from '../support/tar-fixture.ts';

/** What the archive package of Docker tested of itself, by the names of its tests. */
const system = openSystem();
const VICTIM = 'outside of every root';
const opq = (path: string): Buffer => file(`${path}.wh..wh..opq`);

/** Entries that try to reach the directory beside the root, and what becomes of the last one. */
type Breakout = [outcome: 'stays inside' | 'ENTRY_OUTSIDE_ROOT' | 'LINK_INVALID', ...entries: Buffer[]];

const FILENAMES: Breakout[] = [
  ['ENTRY_OUTSIDE_ROOT', file('../victim/dotdot', 'x')],
  ['ENTRY_OUTSIDE_ROOT', file('/../victim/slash-dotdot', 'x')],
];

const HARDLINKS: Breakout[] = [
  ['LINK_INVALID', hardlink('dotdot', '../victim/hello')],
  ['LINK_INVALID', hardlink('slash-dotdot', '/../victim/hello')],
  ['LINK_INVALID', hardlink('loophole-victim', '../victim'), file('loophole-victim/file', 'x')],
  ['LINK_INVALID', hardlink('loophole-victim', '../victim'), symlink('symlink', 'loophole-victim/hello')],
  ['LINK_INVALID', hardlink('loophole-victim', '../victim'), hardlink('hardlink', 'loophole-victim/hello')],
  ['LINK_INVALID', hardlink('loophole-victim', '../victim'), file('loophole-victim', 'x')],
];

const SYMLINKS: Breakout[] = [
  ['stays inside', symlink('dotdot', '../victim/hello')],
  ['stays inside', symlink('slash-dotdot', '/../victim/hello')],
  ['stays inside', symlink('loophole', '../victim'), file('loophole/file', 'x')],
  ['stays inside', symlink('loophole', '../victim'), symlink('symlink', 'loophole/hello')],
  ['LINK_INVALID', symlink('loophole', '../victim'), hardlink('hardlink', 'loophole/hello')],
  ['stays inside', symlink('loophole', '../victim'), file('loophole', 'x')],
  ['stays inside', dir('dir/'), symlink('dir/loophole', '../../victim'), file('dir/loophole/newdir/newfile', 'x')],
];

describe.each<Style>(['full', 'overlay'])('in %s style', (style) => {
  let lab: LayerLab;
  let scratch: Scratch;
  beforeEach(() => {
    lab = new LayerLab(style);
    scratch = new Scratch();
    mkdirSync(join(lab.root, 'victim'));
    writeFileSync(join(lab.root, 'victim/hello'), VICTIM);
  });
  afterEach(() => {
    expect(contents(join(lab.root, 'victim'))).toEqual({ hello: VICTIM });
    expect(lstatSync(join(lab.root, 'victim/hello')).nlink).toBe(1);
    for (const { dir: tree } of lab.layers) expect(Object.values(contents(tree))).not.toContain(VICTIM);
    lab.close();
    scratch[Symbol.dispose]();
  });

  function outcome(entries: Buffer[]): string {
    try {
      lab.apply(tar(entries));
      return 'stays inside';
    } catch (error) {
      return (error as { code: string }).code;
    }
  }

  test.each([
    ['TestUntarInvalidFilenames', FILENAMES],
    ['TestUntarInvalidHardlink', HARDLINKS],
    ['TestUntarInvalidSymlink', SYMLINKS],
  ])('%s', (_, cases) => {
    for (const [expected, ...entries] of cases) expect(outcome(entries)).toBe(expected);
  });

  test.each([
    ['TestApplyLayerInvalidFilenames', FILENAMES],
    ['TestApplyLayerInvalidHardlink', HARDLINKS],
    ['TestApplyLayerInvalidSymlink', SYMLINKS],
  ])('%s: what leads out is in the layer below', (_, cases) => {
    for (const [expected, ...entries] of cases) {
      const last = entries.pop()!;
      const below = outcome([file('below', 'x'), ...entries]);
      expect(below === 'stays inside' ? outcome([last]) : below).toBe(expected);
    }
  });

  test('TestUntarHardlinkToSymlink', () => {
    const again = [
      symlink('symlink1', 'regfile', { mode: 0o644 }),
      hardlink('symlink2', 'symlink1', { mode: 0o644 }),
      file('regfile', 'content'),
    ];
    // Twice: what was made the first time is in the way the second time.
    for (let turn = 0; turn < 2; turn += 1) expect(outcome(again)).toBe('stays inside');
    expect(contents(lab.unpacked())).toEqual({ symlink1: '-> regfile', symlink2: '-> regfile', regfile: 'content' });
  });

  test('TestApplyLayerWhiteouts', () => {
    const after = (...entries: Buffer[]): string[] => {
      lab.apply(tar(entries));
      return Object.keys(contents(lab.unpacked())).sort();
    };
    const base = [
      '.baz',
      'bar/',
      'bar/bax',
      'bar/bay/',
      'baz',
      'foo/',
      'foo/.abc',
      'foo/.bcd/',
      'foo/.bcd/a',
      'foo/cde/',
    ];
    const made = base.map((name) => (name.endsWith('/') ? dir(name) : file(name, 'x')));
    expect(after(...made, file('foobar', 'x'))).toEqual([...base, 'foobar'].sort());
    expect(
      after(
        file('.bay'),
        file('.wh.baz'),
        dir('foo/'),
        opq('foo/'),
        file('foo/.bce'),
        dir('foo/cde/'),
        file('foo/cde/efg'),
      ),
    ).toEqual(
      ['.bay', '.baz', 'bar/', 'bar/bax', 'bar/bay/', 'foo/', 'foo/.bce', 'foo/cde/', 'foo/cde/efg', 'foobar'].sort(),
    );
    expect(
      after(file('.wh..baz'), file('.wh.foobar'), dir('foo/'), file('foo/.abc'), file('foo/.wh.cde'), dir('bar/')),
    ).toEqual(['.bay', 'bar/', 'bar/bax', 'bar/bay/', 'foo/', 'foo/.abc', 'foo/.bce'].sort());
    expect(after(opq(''), file('.abc'), file('foobar'))).toEqual(['.abc', 'foobar']);
  });

  test('TestTypeXGlobalHeaderDoesNotFail', () => {
    expect(outcome([paxGlobal({ comment: 'of the whole archive' })])).toBe('stays inside');
    expect(contents(lab.unpacked())).toEqual({});
  });

  /** The differences of a directory to what packing and unpacking makes of it. */
  function roundTrip(origin: string, compression: 'none' | 'gzip'): string[] {
    const packed = pack(profileFor({ compression }), packedDirectory(origin));
    expect(detectCompression(packed.subarray(0, DETECT_BYTES))).toBe(compression);
    lab.apply(packed);
    using now = openTree(system, { style: 'full', dir: lab.unpacked(), lowers: [] });
    using before = openTree(system, { style: 'full', dir: origin, lowers: [] });
    return [...listChanges(system, now, before)].map(changeText);
  }

  test.each(['none', 'gzip'] as const)('TestTarUntar: %s', (compression) => {
    const origin = scratch.tree('origin', { '1': 'hello world', '2': 'welcome!' });
    expect(roundTrip(origin, compression)).toEqual([]);
    writeFileSync(join(origin, '3'), 'not packed');
    using now = openTree(system, { style: 'full', dir: lab.unpacked(), lowers: [] });
    using before = openTree(system, { style: 'full', dir: origin, lowers: [] });
    expect([...listChanges(system, now, before)].map(changeText)).toEqual(['D /3']);
  });

  test.each([
    ['', false],
    [', with hard links', true],
  ])('TestTarFiles: a thousand%s', (_, linked) => {
    const spec: TreeSpec = {};
    for (let at = 0; at < 1000; at += 1) {
      spec[`file-${at}`] = `${at}`;
      if (linked) spec[`file-${at}-link`] = `= file-${at}`;
    }
    expect(roundTrip(scratch.tree('origin', spec), 'none')).toEqual([]);
    const inode = (name: string): number => lstatSync(join(lab.root, 'unpacked', name)).ino;
    if (linked) for (let at = 0; at < 1000; at += 1) expect(inode(`file-${at}-link`)).toBe(inode(`file-${at}`));
  });

  test('TestTarWithHardLink', () => {
    const origin = scratch.tree('origin', { '1': 'hello world', '2': '= 1', '3': 'hello world' });
    expect(roundTrip(origin, 'none')).toEqual([]);
    const [one, two, three] = ['1', '2', '3'].map((name) => lstatSync(join(lab.root, 'unpacked', name)).ino);
    expect(two).toBe(one);
    expect(three).not.toBe(one);
  });
});

function packedDirectory(path: string): Buffer {
  const chunks: Buffer[] = [];
  const options = { tick: () => {}, warn: (code: string) => expect.fail(code) };
  writeDirectory(system, path, (chunk) => void chunks.push(Buffer.from(chunk)), options);
  return Buffer.concat(chunks);
}

describe('the tar of a directory', () => {
  const entriesOf = (spec: TreeSpec): ReadEntry[] => {
    using scratch = new Scratch();
    return readTar(packedDirectory(scratch.tree('origin', spec)));
  };

  test('TestCanonicalTarName: directories end in a slash, nothing else does', () => {
    const names = entriesOf({ 'foo/bar': 'x', 'foo/empty': null, link: '-> foo/' }).map(({ name }) => name);
    expect(names).toEqual(['foo/', 'foo/bar', 'foo/empty/', 'link']);
  });

  test('TestCanonicalTarNameForPath: what means something to other systems is a name like any other', () => {
    const names = entriesOf({ 'foo\\bar': 'x', 'c:': 'x', 'foo/b\\r': 'x' }).map(({ name }) => name);
    expect(names).toEqual(['c:', 'foo/', 'foo/b\\r', 'foo\\bar']);
  });

  test('TestGenerateEmptyFile', () => {
    expect(entriesOf({ emptyFile: '' })).toMatchObject([{ name: 'emptyFile', size: 0, data: Buffer.alloc(0) }]);
  });

  test('TestGenerateWithContent', () => {
    expect(entriesOf({ file: 'content' })).toMatchObject([{ name: 'file', size: 7, data: Buffer.from('content') }]);
  });
});
