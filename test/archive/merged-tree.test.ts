import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLowerView, openTree } from '../../src/archive/merged-tree.ts';
import { openSystem } from '../../src/system/select.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../src/system/system.ts';
import { Scratch } from '../support/make-tree.ts';
import { OverlayMarks } from '../support/overlay-tree.ts';

const system = openSystem();
const marks = new OverlayMarks(system);
let scratch: Scratch;

beforeEach(() => {
  scratch = new Scratch();
});
afterEach(() => scratch[Symbol.dispose]());

describe('a stack of layers', () => {
  beforeEach((context) => {
    if (!marks.supported(scratch.root)) context.skip('this machine takes no overlay marks');
  });

  /** Base, middle and top; what is at a path: the layer that shows it (0 is the top), or null. */
  function stack(): (path: string) => number | null {
    const base = scratch.tree('base', {
      'd/low': '',
      'd/sub/deep': '',
      'o/low': '',
      'w/x': '',
      'f/x': '',
      r: '',
      l: '-> d',
    });
    const middle = scratch.tree('middle', { 'd/mid': '', 'o/mid': '', 'd/sub/mid': '' });
    marks.opaque(middle, 'o');
    marks.whiteout(middle, 'w');
    const top = scratch.tree('top', { 'd/top': '', 'o/top': '', 'w/new': '', f: 'now a file' });
    marks.whiteout(join(top, 'd'), 'low');
    const tree = openLowerView(system, [top, middle, base]);
    return (path) => tree.entryAt(path)?.layer ?? null;
  }

  it('shows each name from the nearest layer that has it', () => {
    const at = stack();
    expect([at('d'), at('d/top'), at('d/mid'), at('d/sub'), at('d/sub/mid'), at('d/sub/deep'), at('r')]).toEqual([
      0, 0, 1, 1, 1, 2, 2,
    ]);
  });

  it('hides what whiteouts, opaque directories and other types are above', () => {
    const at = stack();
    expect([at('d/low'), at('o/low'), at('w/x'), at('f/x')]).toEqual([null, null, null, null]);
    expect([at('o/mid'), at('o/top'), at('w'), at('w/new'), at('f')]).toEqual([1, 0, 0, 0, 0]);
  });

  it('follows no link, and takes none for a directory', () => {
    const at = stack();
    expect([at('l'), at('l/top'), at('nope'), at('nope/x')]).toEqual([2, null, null, null]);
  });

  it('lists what it finds', () => {
    stack();
    using tree = openTree(system, {
      style: 'overlay',
      dir: scratch.path('top'),
      lowers: [scratch.path('middle'), scratch.path('base')],
    });
    const names = (path: string): string[] => tree.names(path).sort();
    expect(names('')).toEqual(['d', 'f', 'l', 'o', 'r', 'w']);
    expect(names('d')).toEqual(['mid', 'sub', 'top']);
    expect(names('d/sub')).toEqual(['deep', 'mid']);
    expect(names('o')).toEqual(['mid', 'top']);
    expect(names('w')).toEqual(['new']);
    expect(names('f')).toEqual([]);
    expect(names('nope')).toEqual([]);
  });

  it('shows an opaque directory of the lowest layer, and a whiteout of nothing', () => {
    const base = scratch.tree('base', { 'd/f': '' });
    marks.opaque(base, 'd');
    marks.whiteout(base, 'nothing');
    using tree = openLowerView(system, [base]);
    expect(tree.names('').sort()).toEqual(['d']);
    expect(tree.names('d')).toEqual(['f']);
  });

  it('is one directory, whiteouts and all, in full style', () => {
    const dir = scratch.tree('dir', {});
    marks.whiteout(dir, 'device');
    using tree = openTree(system, { style: 'full', dir, lowers: [] });
    expect(tree.names('')).toEqual(['device']);
  });
});

it('tells where an entry is, opens it and reads it', () => {
  const dir = scratch.tree('dir', { 'd/f': 'text', 'd/l': '-> /etc/passwd' });
  using tree = openTree(system, { style: 'full', dir, lowers: [] });
  const file = tree.find('d/f')!;
  expect(file.name).toBe('f');
  expect(file.stat.mode & S_IFMT).toBe(S_IFREG);
  expect(system.lstat(file.dir, file.name)).toMatchObject({ size: 4 });
  const link = tree.entryAt('d/l')!;
  expect([link.stat.mode & S_IFMT, tree.readLink(link)]).toEqual([S_IFLNK, '/etc/passwd']);
  const fd = tree.openFile(tree.entryAt('d/f')!);
  expect(fd).toBeGreaterThan(0);
  system.close(fd);
  expect(tree.openFile(link)).toBeLessThan(0);
  expect(tree.find('')!.stat.mode & S_IFMT).toBe(S_IFDIR);
});

it('keeps names that are no text apart', () => {
  const dir = scratch.tree('dir', {});
  for (const byte of [0xfe, 0xff]) writeFileSync(Buffer.concat([Buffer.from(`${dir}/a`), Buffer.from([byte])]), '');
  using tree = openTree(system, { style: 'full', dir, lowers: [] });
  expect(tree.names('').sort()).toEqual(['a\xfe', 'a\xff']);
});

it('keeps few directories open, however many it has looked into', () => {
  const dir = scratch.tree('dir', {});
  for (let i = 0; i < 600; i += 1) mkdirSync(join(dir, String(i)));
  let open = 0;
  let most = 0;
  const counting = {
    ...system,
    openDir: (...args: Parameters<typeof system.openDir>) => {
      const result = system.openDir(...args);
      if (typeof result !== 'number') most = Math.max(most, ++open);
      return result;
    },
    closeDir: (...args: Parameters<typeof system.closeDir>) => {
      open -= 1;
      system.closeDir(...args);
    },
  };
  const tree = openTree(counting, { style: 'full', dir, lowers: [] });
  for (let i = 0; i < 600; i += 1) expect(tree.names(String(i))).toEqual([]);
  tree.close();
  expect(most).toBeLessThan(300);
  // The root is opened by another call.
  expect(open).toBe(-1);
});

it('opens nothing when a layer is missing', () => {
  expect(() => openLowerView(system, [scratch.tree('dir', {}), scratch.path('missing')])).toThrow(
    expect.objectContaining({ code: 'FILE_NOT_FOUND' }),
  );
});
