import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { copyTree } from '../../src/archive/copy-tree.ts';
import { removeTree } from '../../src/archive/remove-tree.ts';
import { EACCES, EMLINK, EPERM, EXDEV, check } from '../../src/system/errno.ts';
import { openSystem } from '../../src/system/select.ts';
import type { Dir, System } from '../../src/system/system.ts';
import { depthOf, makeDeepTree } from '../support/deep-tree.ts';
import { viewTree } from '../../src/driver-suite/view-tree.ts';

const isRoot = process.geteuid?.() === 0;
const direct = openSystem();

describe.each([direct, openSystem({ prefer: 'portable' })])('copyTree, $kind', (system) => {
  let root: string;
  let from: string;
  let to: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'layermill-copy-'));
    [from, to] = [`${root}/from`, `${root}/to`];
    mkdirSync(from);
    mkdirSync(to);
  });
  afterEach(async () => {
    await removeTree(system, root);
  });

  const copy = (through: System = system): number => {
    let entries = 0;
    copyTree(through, from, to, { privileged: isRoot, onEntry: () => entries++ });
    return entries;
  };
  const view = (dir: string): string[] => viewTree(system, { style: 'full', dir, lowers: [] });
  const makeTree = (): void => {
    mkdirSync(`${from}/dir`);
    mkdirSync(`${from}/dir/empty`);
    writeFileSync(`${from}/dir/file`, 'content');
    linkSync(`${from}/dir/file`, `${from}/other`);
    writeFileSync(`${from}/single`, 'alone', { mode: 0o600 });
    symlinkSync('/etc/passwd', `${from}/link`);
    symlinkSync('..', `${from}/dir/up`);
    if (isRoot) chownSync(`${from}/dir/file`, 56, 78);
    if (isRoot) chownSync(`${from}/dir`, 12, 34);
    chmodSync(`${from}/dir/file`, 0o4755);
    chmodSync(`${from}/dir`, 0o3750);
    chmodSync(from, 0o711);
    for (const name of ['link', 'dir/up']) lutimesSync(`${from}/${name}`, 7, 7.25);
    for (const name of ['single', 'dir/file', 'dir/empty', 'dir', '.']) utimesSync(`${from}/${name}`, 7, 7.25);
  };

  it('shows the same tree, its files shared', () => {
    makeTree();
    expect(copy()).toBe(7);
    expect(view(to)).toEqual(view(from));
    expect(lstatSync(`${to}/dir/file`).ino).toBe(lstatSync(`${from}/dir/file`).ino);
    expect(lstatSync(`${to}/dir`).ino).not.toBe(lstatSync(`${from}/dir`).ino);
  });

  it('gives the root what the root has', () => {
    makeTree();
    copy();
    const { mode, mtimeMs, uid, gid } = lstatSync(from);
    expect(lstatSync(to)).toMatchObject({ mode, mtimeMs, uid, gid });
  });

  it.each([
    ['one file has too many names', EMLINK],
    ['it lies on another file system', EXDEV],
    ['it belongs to somebody else', EPERM],
  ])('copies what cannot be linked because %s', (_reason, errno) => {
    makeTree();
    copy(refusingLinks(system, from, errno));
    expect(view(to)).toEqual(view(from));
    const file = lstatSync(`${to}/dir/file`);
    expect(file).toMatchObject({ nlink: 2, ino: lstatSync(`${to}/other`).ino });
    expect(file.ino).not.toBe(lstatSync(`${from}/dir/file`).ino);
  });

  it('fails with what the system says when it cannot go on', () => {
    makeTree();
    expect(() => copy(refusingLinks(system, from, EACCES))).toThrow(
      expect.objectContaining({ code: 'PERMISSION_DENIED' }),
    );
  });

  it('names a tree that is not there', () => {
    rmSync(from, { recursive: true });
    expect(() => copy()).toThrow(expect.objectContaining({ code: 'FILE_NOT_FOUND', details: { path: from } }));
  });

  it('stops when its caller throws', () => {
    makeTree();
    const stop = new Error('stop');
    const onEntry = (): void => {
      throw stop;
    };
    expect(() => copyTree(system, from, to, { privileged: isRoot, onEntry })).toThrow(stop);
  });

  it.runIf(system.kind === 'linux')('copies what only system calls can make', () => {
    execFileSync('mkfifo', ['-m', '640', `${from}/fifo`]);
    if (isRoot) execFileSync('mknod', [`${from}/null`, 'c', '1', '3']);
    writeFileSync(`${from}/file`, '');
    utimesSync(`${from}/fifo`, 7, 7);
    const value = Buffer.from([0, 255, 10]);
    const keepsXattrs = inDirectory(from, (dir) => system.setXattr(dir, 'file', 'user.layermill', value)) >= 0;
    copy(refusingLinks(system, from, EXDEV));
    expect(view(to)).toEqual(view(from));
    if (keepsXattrs) expect(inDirectory(to, (dir) => system.getXattr(dir, 'file', 'user.layermill'))).toEqual(value);
    else console.log('extended attributes not tested: the temporary directory keeps none');
  });

  it.runIf(system.kind === 'linux')('goes deeper than an absolute path', () => {
    const depth = makeDeepTree(system, from);
    copy();
    expect(depthOf(system, to)).toBe(depth);
  });
});

function inDirectory<Result>(path: string, work: (dir: Dir) => Result): Result {
  const dir = check(direct.openRoot(path), 'open', path);
  try {
    return work(dir);
  } finally {
    direct.closeDir(dir);
  }
}

/** The system, but second names for what is below `from` fail. */
function refusingLinks(system: System, from: string, errno: number): System {
  return {
    ...system,
    link: (dir, name, toDir, as) => (dir.path.startsWith(from) ? -errno : system.link(dir, name, toDir, as)),
  };
}
