import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTree } from '../../src/archive/merged-tree.ts';
import { listOverlayChanges } from '../../src/archive/overlay-changes.ts';
import { openSystem } from '../../src/system/select.ts';
import { changeText } from '../support/change-text.ts';
import { Scratch } from '../support/make-tree.ts';
import { OverlayMarks } from '../support/overlay-tree.ts';

const system = openSystem();
const marks = new OverlayMarks(system);
let scratch: Scratch;

beforeEach((context) => {
  scratch = new Scratch();
  if (!marks.supported(scratch.root)) context.skip('this machine takes no overlay marks');
});
afterEach(() => scratch[Symbol.dispose]());

function texts(dir: string): string[] {
  using tree = openTree(system, { style: 'full', dir, lowers: [] });
  return [...listOverlayChanges(system, tree)].map(changeText);
}

describe('the directory of an overlay layer', () => {
  it('TestChangesWithNoChanges', () => {
    expect(texts(scratch.tree('layer', {}))).toEqual([]);
  });

  it('TestChangesWithChanges', () => {
    const dir = scratch.tree('layer', { 'dir1/file1-1': 'modified', 'dir1/subfolder/newFile': '' });
    marks.whiteout(join(dir, 'dir1'), 'file1-2');
    // An overlay does not tell new from changed: both are written as what is there now.
    expect(texts(dir)).toEqual([
      'C /dir1',
      'D /dir1/file1-2',
      'C /dir1/file1-1',
      'C /dir1/subfolder',
      'C /dir1/subfolder/newFile',
    ]);
  });

  it('shows removals before the rest, whatever their names', () => {
    const dir = scratch.tree('layer', { 'd/a': '', 'd/b': '', f: '' });
    marks.whiteout(join(dir, 'd'), 'z');
    marks.whiteout(dir, 'gone');
    expect(texts(dir)).toEqual(['D /gone', 'C /d', 'D /d/z', 'C /d/a', 'C /d/b', 'C /f']);
  });

  it('shows what hides everything below, right after its directory, and no removal inside: it would be idle', () => {
    const dir = scratch.tree('layer', { 'd/mine': '', 'd/sub/f': '' });
    marks.opaque(dir, 'd');
    marks.whiteout(join(dir, 'd'), 'idle');
    expect(texts(dir)).toEqual(['C /d', 'O /d', 'C /d/mine', 'C /d/sub', 'C /d/sub/f']);
  });

  it('shows removals that newer kernels write as an attribute', () => {
    const dir = scratch.tree('layer', { 'd/gone': '', 'd/full': 'x' });
    marks.attribute(join(dir, 'd'), 'gone', 'user.overlay.whiteout', '');
    marks.attribute(join(dir, 'd'), 'full', 'user.overlay.whiteout', '');
    expect(texts(dir)).toEqual(['C /d', 'D /d/gone', 'C /d/full']);
  });

  it.each([
    ['redirect', 'd'],
    ['metacopy', 'f'],
  ])('is refused where its content is in the layers below (%s)', (mark, name) => {
    const dir = scratch.tree('layer', { d: null, f: 'x' });
    marks.attribute(dir, name, `user.overlay.${mark}`, 'x');
    expect(() => texts(dir)).toThrow(
      expect.objectContaining({ code: 'CHANGES_UNREPRESENTABLE', details: { path: name } }),
    );
  });

  it('is not refused for marks that change nothing, or that an inner overlay left', () => {
    const dir = scratch.tree('layer', { d: null, f: 'x' });
    for (const key of ['user.overlay.impure', 'user.overlay.origin', 'user.overlay.overlay.redirect'])
      marks.attribute(dir, 'd', key, 'y');
    expect(texts(dir)).toEqual(['C /d', 'C /f']);
  });

  it('is refused when a name would be a whiteout', () => {
    const dir = scratch.tree('layer', { 'd/.wh.x': '' });
    expect(() => texts(dir)).toThrow(expect.objectContaining({ code: 'CHANGES_UNREPRESENTABLE' }));
  });
});
