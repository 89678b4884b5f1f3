import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Change, listChanges } from '../../src/archive/changes.ts';
import { layerSize } from '../../src/archive/changeset.ts';
import type { LayerMount } from '../../src/archive/layer-mount.ts';
import { openTree } from '../../src/archive/merged-tree.ts';
import { check } from '../../src/system/errno.ts';
import { openSystem } from '../../src/system/select.ts';
import { S_IFBLK, S_IFCHR, type System } from '../../src/system/system.ts';
import { changeText } from '../support/change-text.ts';
import { addTo, Scratch, type TreeSpec } from '../support/make-tree.ts';

const isRoot = process.geteuid?.() === 0;
const system = openSystem();
const full = (dir: string): LayerMount => ({ style: 'full', dir, lowers: [] });

function changes(newer: string, older: string | LayerMount | null, calls: System = system): Change[] {
  using now = openTree(calls, full(newer));
  using before = older === null ? null : openTree(calls, typeof older === 'string' ? full(older) : older);
  return [...listChanges(calls, now, before)];
}

const texts = (newer: string, older: string | LayerMount | null): string[] => changes(newer, older).map(changeText);

/** Two trees alike, but for what `change` does to the newer one. */
function difference(spec: TreeSpec, change: (dir: string) => void): string[] {
  using scratch = new Scratch();
  const older = scratch.tree('older', spec);
  const newer = scratch.tree('newer', spec);
  change(newer);
  return texts(newer, older);
}

const SAMPLE: TreeSpec = Object.fromEntries([
  ...[1, 2, 3, 4, 5, 6, 7].map((n) => [`file${n}`, `file${n}\n`]),
  ...[1, 2, 3, 4].flatMap((n) => [
    [`dir${n}`, null],
    [`dir${n}/file${n}-1`, `file${n}-1\n`],
    [`dir${n}/file${n}-2`, `file${n}-2\n`],
  ]),
  ['symlink1', '-> target1'],
  ['symlink2', '-> target2'],
]);

describe('two trees', () => {
  it('TestChangesDirsEmpty: that are copies of one another show no change', () => {
    using scratch = new Scratch();
    const older = scratch.tree('older', SAMPLE);
    execFileSync('cp', ['-a', older, scratch.path('copy')]);
    expect(texts(scratch.path('copy'), older)).toEqual([]);
  });

  it('TestChangesDirsMutated: show what was done to one of them', () => {
    const mutate = (dir: string): void => {
      rmSync(join(dir, 'dir1'), { recursive: true });
      rmSync(join(dir, 'dir2'), { recursive: true });
      writeFileSync(join(dir, 'dir2'), 'now a file\n');
      rmSync(join(dir, 'file1'));
      writeFileSync(join(dir, 'file2'), 'more\n', { flag: 'a' });
      rmSync(join(dir, 'file3'));
      writeFileSync(join(dir, 'file3'), 'fileN\n');
      utimesSync(join(dir, 'file4'), 5, 5);
      rmSync(join(dir, 'file5'));
      mkdirSync(join(dir, 'file5'));
      writeFileSync(join(dir, 'file5/inside'), '');
      utimesSync(join(dir, 'dir3'), 5, 5);
      mkdirSync(join(dir, 'dirnew'));
      writeFileSync(join(dir, 'filenew'), 'new\n');
      unlinkSync(join(dir, 'symlink1'));
      unlinkSync(join(dir, 'symlink2'));
      symlinkSync('target2change', join(dir, 'symlink2'));
      symlinkSync('targetnew', join(dir, 'symlinknew'));
    };
    expect(difference(SAMPLE, mutate)).toEqual([
      'D /dir1',
      'D /file1',
      'D /symlink1',
      'C /dir2',
      'A /dirnew',
      'C /file2',
      'C /file3',
      'C /file4',
      'C /file5',
      'A /file5/inside',
      'A /filenew',
      'C /symlink2',
      'A /symlinknew',
    ]);
  });

  it('name the directories on the way to a change, once, before it, and no others', () => {
    expect(
      difference({ 'a/b/c/f': '1', 'a/b/c/g': '1', 'a/d/f': '1', 'e/f': '1' }, (dir) => {
        writeFileSync(join(dir, 'a/b/c/f'), 'longer');
        writeFileSync(join(dir, 'a/b/c/g'), 'longer');
        rmSync(join(dir, 'e/f'));
      }),
    ).toEqual(['C /a', 'C /a/b', 'C /a/b/c', 'C /a/b/c/f', 'C /a/b/c/g', 'C /e', 'D /e/f']);
  });

  it('TestChangesWithChangesGH13590: a new file is seen though its directory kept its time', () => {
    const deep = { 'a/b/c/f': 'old' };
    const added = difference(deep, (dir) => {
      addTo(dir, { 'a/b/c/new': '' });
      utimesSync(join(dir, 'a/b/c'), 1_000_000_000, 1_000_000_000);
    });
    expect(added).toEqual(['C /a', 'C /a/b', 'C /a/b/c', 'A /a/b/c/new']);
    // The directories on the way are named here as well, where the original named the file alone.
    const modified = difference(deep, (dir) => writeFileSync(join(dir, 'a/b/c/f'), 'other'));
    expect(modified).toEqual(['C /a', 'C /a/b', 'C /a/b/c', 'C /a/b/c/f']);
  });

  it('list all of a tree when there is nothing to compare it to, but never its root', () => {
    using scratch = new Scratch();
    expect(texts(scratch.tree('t', { 'd/f': 'x', e: null, l: '-> d' }), null)).toEqual([
      'A /d',
      'A /d/f',
      'A /e',
      'A /l',
    ]);
    expect(texts(scratch.tree('empty', {}), null)).toEqual([]);
  });

  it('list removals first and the rest by bytes, whatever the language', () => {
    using scratch = new Scratch();
    const older = scratch.tree('older', { 'd/z-gone': '', 'd/keep': '' });
    const newer = scratch.tree('newer', {
      'd/keep': '',
      'd/\u{1f600}': '',
      'd/\ue000': '',
      'd/B': '',
      'd/a': '',
      'd-': '',
    });
    expect(changes(newer, older).map(({ path }) => Buffer.from(path, 'latin1').toString())).toEqual([
      'd',
      'd/z-gone',
      'd/B',
      'd/a',
      'd/\ue000',
      'd/\u{1f600}',
      'd-',
    ]);
  });
});

describe('a file has changed', () => {
  const file = { f: 'same' };
  it('when its mode, owner or size has', () => {
    expect(difference(file, (dir) => chmodSync(join(dir, 'f'), 0o600))).toEqual(['C /f']);
    expect(difference(file, (dir) => chmodSync(join(dir, 'f'), 0o4644))).toEqual(['C /f']);
    expect(
      difference(file, (dir) => {
        writeFileSync(join(dir, 'f'), 'other');
        utimesSync(join(dir, 'f'), 1_000_000_000, 1_000_000_000);
      }),
    ).toEqual(['C /f']);
  });

  it.runIf(isRoot)('when its owner has (root only)', () => {
    expect(difference(file, (dir) => chownSync(join(dir, 'f'), 1, 0))).toEqual(['C /f']);
    expect(difference(file, (dir) => chownSync(join(dir, 'f'), 0, 1))).toEqual(['C /f']);
  });

  it('when its second has, or its nanoseconds where both have some', () => {
    const timed = (older: string, newer: string, content = 'same'): string[] => {
      using scratch = new Scratch();
      const before = scratch.tree('older', file);
      const now = scratch.tree('newer', { f: content });
      for (const [path, time] of [
        [before, older],
        [now, newer],
      ] as const) {
        execFileSync('touch', ['-d', `@${time}`, join(path, 'f')]);
      }
      return texts(now, before);
    };
    expect(timed('100', '101')).toEqual(['C /f']);
    expect(timed('100.5', '100.5')).toEqual([]);
    expect(timed('100.5', '100.7')).toEqual(['C /f']);
    // An archive cuts the fraction off: then the content decides.
    expect(timed('100.5', '100')).toEqual([]);
    expect(timed('100', '100.5')).toEqual([]);
    expect(timed('100.5', '100', 'SAME')).toEqual(['C /f']);
    expect(timed('100', '100', 'SAME')).toEqual(['C /f']);
    expect(timed('100', '100')).toEqual([]);
  });

  it('when a link leads elsewhere, though its length and time are the same', () => {
    expect(
      difference({ l: '-> target1' }, (dir) => {
        rmSync(join(dir, 'l'));
        symlinkSync('target2', join(dir, 'l'));
        lutimesSync(join(dir, 'l'), 1_000_000_000, 1_000_000_000);
      }),
    ).toEqual(['C /l']);
  });

  it('when an attribute has that layers carry', (context) => {
    using scratch = new Scratch();
    const older = scratch.tree('older', { f: 'same', d: null });
    const newer = scratch.tree('newer', { f: 'same', d: null });
    const set = (root: string, name: string, key: string, value: string): number => {
      const dir = check(system.openRoot(Buffer.from(root).toString('latin1')), 'open');
      const result = system.setXattr(dir, name, key, Buffer.from(value));
      system.closeDir(dir);
      return result;
    };
    if (set(newer, 'f', 'user.x', '1') < 0) context.skip('no user attributes here');
    expect(texts(newer, older)).toEqual(['C /f']);
    set(older, 'f', 'user.x', '2');
    expect(texts(newer, older)).toEqual(['C /f']);
    set(older, 'f', 'user.x', '1');
    expect(texts(newer, older)).toEqual([]);
    set(newer, 'd', 'user.x', '1');
    expect(texts(newer, older)).toEqual(['C /d']);
    set(older, 'd', 'user.x', '1');
    set(newer, 'd', 'user.overlay.impure', 'y');
    expect(texts(newer, older)).toEqual([]);
  });

  it('never by the time or the size of a directory, but by its mode', () => {
    expect(difference({ 'd/f': '' }, (dir) => utimesSync(join(dir, 'd'), 7, 7))).toEqual([]);
    expect(difference({ 'd/f': '' }, (dir) => chmodSync(join(dir, 'd'), 0o700))).toEqual(['C /d']);
  });

  it.runIf(isRoot)('when a device has another number, and no device is taken for a directory (root only)', () => {
    using scratch = new Scratch();
    const make = (name: string, mode: number, minor: number): string => {
      const root = scratch.tree(name, {});
      const dir = check(system.openRoot(root), 'open');
      check(system.mknod(dir, 'dev', mode | 0o600, 7, minor), 'mknod');
      check(system.setTimes(dir, 'dev', 5, 0), 'times');
      system.closeDir(dir);
      return root;
    };
    const block = make('block', S_IFBLK, 1);
    expect(texts(make('same', S_IFBLK, 1), block)).toEqual([]);
    expect(texts(make('minor', S_IFBLK, 2), block)).toEqual(['C /dev']);
    expect(texts(make('char', S_IFCHR, 1), block)).toEqual(['C /dev']);
    expect(texts(block, scratch.tree('dir', { 'dev/f': '' }))).toEqual(['C /dev']);
    expect(texts(scratch.path('dir'), block)).toEqual(['C /dev', 'A /dev/f']);
  });

  it('not, when both trees have one inode: a clone is not even read', () => {
    using scratch = new Scratch();
    const older = scratch.tree('older', { 'd/f': 'x' });
    const newer = scratch.tree('newer', { d: null });
    linkSync(join(older, 'd/f'), join(newer, 'd/f'));
    const blind: System = {
      ...system,
      openFile: () => expect.fail('it was opened'),
      readLink: () => expect.fail('it was read'),
    };
    expect(changes(newer, older, blind)).toEqual([]);
    expect(changes(newer, newer, { ...blind, listXattrs: () => expect.fail('it was looked into') })).toEqual([]);
  });
});

describe('what a layer cannot carry', () => {
  it('is refused when it is new, changed or gone, and passed over when it stays', () => {
    const refused = expect.objectContaining({ code: 'CHANGES_UNREPRESENTABLE', details: { path: 'd/.wh.x' } });
    expect(() => difference({ d: null }, (dir) => writeFileSync(join(dir, 'd/.wh.x'), ''))).toThrow(refused);
    expect(() => difference({ 'd/.wh.x': '' }, (dir) => writeFileSync(join(dir, 'd/.wh.x'), 'y'))).toThrow(refused);
    expect(() => difference({ 'd/.wh.x': '' }, (dir) => rmSync(join(dir, 'd/.wh.x')))).toThrow(refused);
    expect(difference({ 'd/.wh.x': '' }, (dir) => writeFileSync(join(dir, 'd/new'), ''))).toEqual(['C /d', 'A /d/new']);
    expect(difference({}, (dir) => writeFileSync(join(dir, '.wha'), ''))).toEqual(['A /.wha']);
  });

  it('is left out: sockets, old and new', async () => {
    using scratch = new Scratch();
    const plain = scratch.tree('plain', { f: '' });
    const withSocket = scratch.tree('socket', { f: '' });
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(withSocket, 's'), resolve));
    try {
      expect(texts(withSocket, plain)).toEqual([]);
      expect(texts(plain, withSocket)).toEqual([]);
      expect(texts(withSocket, scratch.tree('file', { f: '', s: 'was a file' }))).toEqual(['D /s']);
      expect(texts(scratch.path('file'), withSocket)).toEqual(['A /s']);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });
});

describe('against a stack of overlay layers', () => {
  it.runIf(system.kind === 'linux')('compares with what they show together (direct calls only)', (context) => {
    using scratch = new Scratch();
    const base = scratch.tree('base', { 'd/low': '1', 'd/hidden': '2', 'o/below': '3', f: 'old' });
    const top = scratch.tree('top', { 'd/up': '4', 'o/mine': '5', f: 'new' });
    const topDir = check(system.openRoot(top), 'open');
    const d = check(system.openDir(topDir, 'd', 'refuse'), 'open');
    const made = system.mknod(d, 'hidden', S_IFCHR, 0, 0);
    const marked = system.setXattr(
      topDir,
      'o',
      isRoot ? 'trusted.overlay.opaque' : 'user.overlay.opaque',
      Buffer.from('y'),
    );
    system.closeDir(d);
    system.closeDir(topDir);
    if (made < 0 || marked < 0) context.skip('no overlay marks here');
    const stack: LayerMount = { style: 'overlay', dir: top, lowers: [base] };
    const merged = { 'd/low': '1', 'd/up': '4', 'o/mine': '5', f: 'new' };
    expect(texts(scratch.tree('merged', merged), stack)).toEqual([]);
    const changed = scratch.tree('changed', { ...merged, 'd/hidden': '2' });
    rmSync(join(changed, 'o'), { recursive: true });
    addTo(changed, { o: null, 'o/below': '3' });
    expect(texts(changed, stack)).toEqual(['C /d', 'A /d/hidden', 'C /o', 'D /o/mine', 'A /o/below']);
  });
});

describe('the size of a layer', () => {
  const size = (newer: string, ...lowers: string[]): number => layerSize(system, { style: 'full', dir: newer, lowers });

  it('TestChangesSizeWithNoChanges', () => {
    using scratch = new Scratch();
    const older = scratch.tree('older', { f: '1234567', g: 'x' });
    expect(size(older, older)).toBe(0);
  });

  it('TestChangesSizeWithOnlyDeleteChanges', () => {
    using scratch = new Scratch();
    const older = scratch.tree('older', { f: '1234567', g: 'x' });
    expect(size(scratch.tree('newer', { g: 'x' }), older)).toBe(0);
  });

  it('TestChangesSize: what is new and what is different, no directories', () => {
    using scratch = new Scratch();
    const older = scratch.tree('older', { 'd/changed': '1', same: '1234567' });
    expect(size(scratch.tree('newer', { 'd/changed': '123', 'd/new': 'abc', same: '1234567' }), older)).toBe(3 + 3);
  });

  it.each<[string, TreeSpec, number]>([
    ['TestSizeEmpty', {}, 0],
    ['TestSizeEmptyFile', { file: '' }, 0],
    ['TestSizeNonemptyFile', { file: 'hello' }, 5],
    ['TestSizeNestedDirectoryEmpty', { nested: null }, 0],
    ['TestSizeFileAndNestedDirectoryEmpty', { nested: null, file: 'hello!' }, 6],
    ['TestSizeFileAndNestedDirectoryNonempty', { file: 'hello!', 'nested/file': 'world!' }, 12],
  ])('%s', (_, spec, bytes) => {
    using scratch = new Scratch();
    expect(size(scratch.tree('tree', spec))).toBe(bytes);
  });

  it('TestChangesSizeWithHardlinks: each inode counts once, the text of links too', () => {
    using scratch = new Scratch();
    const names = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`d/${i}`, i === 0 ? 'abc' : '= d/0']));
    const newer = scratch.tree('newer', { ...names, 'e/f': '123', l: '-> four' });
    expect(size(newer)).toBe(3 + 3 + 4);
    expect(size(newer, scratch.tree('older', { 'e/f': '123', l: '-> other' }))).toBe(3 + 4);
  });
});

it('walks trees deeper than any stack of calls', () => {
  using scratch = new Scratch();
  const root = scratch.tree('deep', {});
  // Made from the inside out: no path is ever long.
  let inner = scratch.tree('d', { f: 'x' });
  for (let depth = 0; depth < 900; depth += 1) {
    const outer = scratch.path('outer');
    mkdirSync(outer);
    renameSync(inner, join(outer, 'd'));
    inner = scratch.path('d');
    renameSync(outer, inner);
  }
  renameSync(inner, join(root, 'd'));
  expect(changes(root, null)).toHaveLength(902);
  expect(changes(root, scratch.tree('empty', { d: null }))).toHaveLength(902);
  execFileSync('rm', ['-rf', root]);
});
