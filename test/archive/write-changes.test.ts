import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Change, listChanges } from '../../src/archive/changes.ts';
import { wholeTree } from '../../src/archive/layer-mount.ts';
import { layerSize, writeDirectory, writeLayerChanges, writeMountChanges } from '../../src/archive/changeset.ts';
import { openTree } from '../../src/archive/merged-tree.ts';
import { TarOutput } from '../../src/archive/tar-output.ts';
import { writeChanges } from '../../src/archive/write-changes.ts';
import { check, EACCES, ELOOP, ENOENT } from '../../src/system/errno.ts';
import { openSystem } from '../../src/system/select.ts';
import { S_IFBLK, S_IFIFO, type System } from '../../src/system/system.ts';
import { contents, LayerLab, listTree } from '../support/layer-lab.ts';
import { addTo, Scratch, type TreeSpec } from '../support/make-tree.ts';
import { OverlayMarks } from '../support/overlay-tree.ts';
import { type Random, seeded } from '../support/random.ts';
import { type ReadEntry, readTar } from '../support/read-tar.ts';

const isRoot = process.geteuid?.() === 0;
const system = openSystem();
const marks = new OverlayMarks(system);
let scratch: Scratch;

beforeEach(() => {
  scratch = new Scratch();
});
afterEach(() => scratch[Symbol.dispose]());

const warnings: string[] = [];
const options = {
  tick: () => {},
  warn: (code: string, _: string, entry?: string) => void warnings.push(`${code} ${entry}`),
};

function collected(write: (sink: (chunk: Buffer) => void) => void): Buffer {
  const chunks: Buffer[] = [];
  write((chunk) => void chunks.push(Buffer.from(chunk)));
  return Buffer.concat(chunks);
}

const ofTree = (newer: string, older: string | null, calls: System = system): Buffer =>
  collected((sink) =>
    writeMountChanges(calls, wholeTree(newer), older === null ? null : wholeTree(older), sink, options),
  );

const ofDirectory = (dir: string, calls: System = system): Buffer =>
  collected((sink) => writeDirectory(calls, dir, sink, options));

const shown = ({ name, type, size, linkname }: ReadEntry): string => [name, type, size, linkname].join(' ').trim();

describe('a changeset', () => {
  it('has directories before their content, removals before the rest, and nothing of the day or the machine', () => {
    const older = scratch.tree('older', { 'd/gone': '', 'd/keep': '', top: '', z: 'old' });
    const newer = scratch.tree('newer', { 'd/keep': '', 'd/new': 'text', l: '-> d/new', z: 'other' });
    const bytes = ofTree(newer, older);
    expect(readTar(bytes).map(shown)).toEqual([
      '.wh.top file 0',
      'd/ dir 0',
      'd/.wh.gone file 0',
      'd/new file 4',
      'l symlink 0 d/new',
      'z file 5',
    ]);
    expect(readTar(bytes)[0]).toMatchObject({ mode: 0, uid: 0, gid: 0, mtimeSec: 0 });
    expect(ofTree(newer, older)).toEqual(bytes);
    expect(bytes.subarray(-1024)).toEqual(Buffer.alloc(1024));
  });

  it('is 1,024 zero bytes when nothing has changed', () => {
    const tree = scratch.tree('t', { f: 'x' });
    expect(ofTree(tree, tree)).toEqual(Buffer.alloc(1024));
  });

  it('keeps mode, whole seconds and the bytes of names', () => {
    const tree = scratch.tree('t', {});
    writeFileSync(Buffer.concat([Buffer.from(`${tree}/caf`), Buffer.from([0xe9])]), 'x', { mode: 0o600 });
    execFileSync('touch', ['-d', '@1234.987654321', `${tree}/.`]);
    writeFileSync(join(tree, 'su'), '');
    chmodSync(join(tree, 'su'), 0o4755);
    execFileSync('touch', ['-d', '@1234.987654321', join(tree, 'su')]);
    const [odd, su] = readTar(ofTree(tree, null));
    expect(odd).toMatchObject({ name: 'caf\xe9', mode: 0o600 });
    expect(su).toMatchObject({ name: 'su', mode: 0o4755, mtimeSec: 1234, mtimeNsec: 0 });
  });

  it('carries large files whole, and each byte of them', () => {
    const data = Buffer.alloc(3 * 1024 * 1024 + 17, 'abcdefg');
    const tree = scratch.tree('t', { small: 'x' });
    writeFileSync(join(tree, 'large'), data);
    expect(readTar(ofTree(tree, null))[0]!.data.equals(data)).toBe(true);
  });

  it('carries fifos and devices, and no sockets', async () => {
    const tree = scratch.tree('t', {});
    execFileSync('mkfifo', [join(tree, 'pipe')]);
    const dir = check(system.openRoot(tree), 'open');
    const made = system.mknod(dir, 'dev', S_IFBLK | 0o600, 8, 17);
    expect(system.mknod(dir, 'pipe2', S_IFIFO | 0o600, 0, 0)).toBe(system.kind === 'linux' ? 0 : expect.anything());
    system.closeDir(dir);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(tree, 'sock'), resolve));
    try {
      const found = readTar(ofTree(tree, null));
      expect(found.map(({ name }) => name)).toEqual(made < 0 ? ['pipe', 'pipe2'] : ['dev', 'pipe', 'pipe2']);
      if (made >= 0) expect(found[0]).toMatchObject({ type: 'block', devMajor: 8, devMinor: 17 });
      expect(readTar(ofDirectory(tree)).map(({ name }) => name)).not.toContain('sock');
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('carries the attributes of users, not those of the overlay', (context) => {
    if (!marks.supported(scratch.root)) context.skip('this machine takes no attributes');
    const tree = scratch.tree('t', { f: 'x' });
    marks.attribute(tree, 'f', 'user.b', 'b\0\n=');
    marks.attribute(tree, 'f', 'user.a', '');
    marks.attribute(tree, 'f', 'user.overlay.impure', 'y');
    const xattrs = readTar(ofTree(tree, null))[0]!.xattrs!;
    expect([...xattrs]).toEqual([
      ['user.a', Buffer.alloc(0)],
      ['user.b', Buffer.from('b\0\n=')],
    ]);
    marks.attribute(tree, 'f', 'user.a=b', 'x');
    expect(() => ofTree(tree, null)).toThrow(expect.objectContaining({ code: 'CHANGES_UNREPRESENTABLE' }));
  });
});

describe('hard links', () => {
  it('have their content under the first name in the tar', () => {
    const tree = scratch.tree('t', { 'z/first': 'data', 'a/second': '= z/first', third: '= z/first' });
    expect(readTar(ofTree(tree, null)).map(shown)).toEqual([
      'a/ dir 0',
      'a/second file 4',
      'third hardlink 0 a/second',
      'z/ dir 0',
      'z/first hardlink 0 a/second',
    ]);
  });

  it('are files when the other name is not in the layer', () => {
    const older = scratch.tree('older', { stays: 'data' });
    execFileSync('cp', ['-al', older, scratch.path('newer')]);
    addTo(scratch.path('newer'), { alias: '= stays' });
    expect(readTar(ofTree(scratch.path('newer'), older)).map(shown)).toEqual(['alias file 4']);
  });

  it('come out the same whatever the order in which the changes were found', () => {
    const tree = scratch.tree('t', { a: 'data', b: '= a', c: '= a' });
    using opened = openTree(system, { style: 'full', dir: tree, lowers: [] });
    const found = [...listChanges(system, opened, null)];
    const write = (changes: Change[]): string[] =>
      readTar(collected((sink) => writeChanges(system, opened, changes, sink))).map(shown);
    expect(write(found)).toEqual(['a file 4', 'b hardlink 0 a', 'c hardlink 0 a']);
    expect(write(found.toReversed())).toEqual(['c file 4', 'b hardlink 0 c', 'a hardlink 0 c']);
  });

  it('TestHardLinkOrder: the order of making the names says nothing', () => {
    const names = Array.from({ length: 20 }, (_, at) => `name-${at}`);
    const headers = (root: string, order: string[]): string[] => {
      const [first, ...others] = order as [string, ...string[]];
      return readTar(
        ofTree(
          scratch.tree(root, Object.fromEntries([[first, 'data'], ...others.map((name) => [name, `= ${first}`])])),
          null,
        ),
      ).map(shown);
    };
    expect(headers('descending', names.toReversed())).toEqual(headers('ascending', names));
  });

  it('are links between links, and between empty files, too', () => {
    const tree = scratch.tree('t', { a: '', b: '= a', l: '-> a' });
    execFileSync('ln', ['-P', join(tree, 'l'), join(tree, 'm')]);
    expect(readTar(ofTree(tree, null)).map(shown)).toEqual([
      'a file 0',
      'b hardlink 0 a',
      'l symlink 0 a',
      'm hardlink 0 l',
    ]);
  });
});

describe('a file that changes while it is read', () => {
  const during = (change: (path: string) => void): (() => Buffer) => {
    const tree = scratch.tree('t', { f: 'x'.repeat(1000) });
    const openFile: System['openFile'] = (root, path) => {
      change(join(tree, 'f'));
      return system.openFile(root, path);
    };
    return () => ofTree(tree, null, { ...system, openFile });
  };

  it.each<[string, (path: string) => void]>([
    ['shorter', (path) => truncateSync(path, 999)],
    ['empty', (path) => truncateSync(path, 0)],
    ['longer', (path) => appendFileSync(path, 'y')],
    ['much longer', (path) => appendFileSync(path, Buffer.alloc(600_000))],
    ['gone', (path) => unlinkSync(path)],
    ['a link', (path) => (unlinkSync(path), symlinkSync('/etc/passwd', path))],
  ])('fails the changeset: %s', (_, change) => {
    expect(during(change)).toThrow(expect.objectContaining({ code: 'SOURCE_CHANGED', details: { path: 'f' } }));
  });

  it.each([0, 1, 511, 512, 262_143, 262_144, 262_145, 1_000_000])(
    'is noticed at every size (%d bytes), and only then',
    (size) => {
      const tree = scratch.tree('t', { f: '' });
      writeFileSync(join(tree, 'f'), Buffer.alloc(size, 'z'));
      const copy = (claimed: number): string => {
        const root = check(system.openRoot(tree), 'open');
        const fd = check(system.openFile(root, 'f'), 'open');
        try {
          return new TarOutput(() => {}).body(fd, claimed);
        } finally {
          system.close(fd);
          system.closeDir(root);
        }
      };
      expect(copy(size)).toBe('complete');
      expect(copy(size + 1)).toBe('shorter');
      if (size > 0) expect(copy(size - 1)).toBe('longer');
    },
  );
});

describe('what this user may not read', () => {
  const denied = (path: string): System => ({
    ...system,
    openFile: (root, name) => (name === path ? -EACCES : system.openFile(root, name)),
    openDir: (root, name, links) => (name === path ? -EACCES : system.openDir(root, name, links)),
  });

  it('is left out of a directory with a warning', () => {
    const tree = scratch.tree('t', { 'd/f': 'x', 'd/secret': 'y', 'd/secret2': '= d/secret', 'e/f': 'z' });
    warnings.length = 0;
    expect(readTar(ofDirectory(tree, denied('d/secret'))).map(shown)).toEqual([
      'd/ dir 0',
      'd/f file 1',
      'd/secret2 file 1',
      'e/ dir 0',
      'e/f file 1',
    ]);
    expect(readTar(ofDirectory(tree, denied('d'))).map(shown)).toEqual(['d/ dir 0', 'e/ dir 0', 'e/f file 1']);
    expect(warnings).toEqual(['PERMISSION_DENIED d/secret', 'PERMISSION_DENIED d']);
  });

  it('fails the difference of two trees: it would be a different one', () => {
    const tree = scratch.tree('t', { 'd/f': 'x' });
    expect(() => ofTree(tree, null, denied('d/f'))).toThrow(expect.objectContaining({ code: 'PERMISSION_DENIED' }));
    expect(() => ofTree(tree, null, denied('d'))).toThrow(expect.objectContaining({ code: 'PERMISSION_DENIED' }));
  });

  it('fails it also when a directory opens and cannot be listed', () => {
    const tree = scratch.tree('t', { 'd/f': 'x', e: 'y' });
    const calls: System = {
      ...system,
      readDir: (dir) => (dir.path.endsWith('/d') ? -EACCES : system.readDir(dir)),
    };
    expect(() => ofTree(tree, null, calls)).toThrow(expect.objectContaining({ code: 'PERMISSION_DENIED' }));
  });

  it.each([-ENOENT, -ELOOP])('is not the same as what has gone (%d)', (errno) => {
    const tree = scratch.tree('t', { f: 'x' });
    const calls: System = { ...system, openFile: () => errno };
    expect(() => ofDirectory(tree, calls)).toThrow(expect.objectContaining({ code: 'SOURCE_CHANGED' }));
  });
});

it('a directory that is a changeset keeps its whiteouts, first in each directory', () => {
  const dir = scratch.tree('t', { 'd/-x': '', 'd/.wh.gone': '', 'd/.wh..wh..opq': '', '.wh.z': '', '-a': '' });
  expect(readTar(ofDirectory(dir)).map(({ name }) => name)).toEqual([
    '.wh.z',
    '-a',
    'd/',
    'd/.wh..wh..opq',
    'd/.wh.gone',
    'd/-x',
  ]);
});

describe('an overlay layer', () => {
  beforeEach((context) => {
    if (!marks.supported(scratch.root)) context.skip('this machine takes no overlay marks');
  });

  it('is written from its directory alone', () => {
    const dir = scratch.tree('layer', { 'd/f': 'x', 'o/mine': 'yy' });
    marks.whiteout(join(dir, 'd'), 'gone');
    marks.opaque(dir, 'o');
    const mount = { style: 'overlay' as const, dir, lowers: ['/nowhere'] };
    const found = readTar(collected((sink) => writeLayerChanges(system, mount, sink, options)));
    expect(found.map(shown)).toEqual([
      'd/ dir 0',
      'd/.wh.gone file 0',
      'd/f file 1',
      'o/ dir 0',
      'o/.wh..wh..opq file 0',
      'o/mine file 2',
    ]);
    expect(found.every(({ xattrs }) => xattrs === null)).toBe(true);
    expect(layerSize(system, mount)).toBe(3);
  });
});

it('a full layer is written as its difference to the one below', () => {
  const older = scratch.tree('older', { f: 'old', g: 'x' });
  const newer = scratch.tree('newer', { f: 'newer', g: 'x' });
  const mount = { style: 'full' as const, dir: newer, lowers: [older] };
  expect(readTar(collected((sink) => writeLayerChanges(system, mount, sink, options))).map(shown)).toEqual([
    'f file 5',
  ]);
  expect(layerSize(system, mount)).toBe(5);
  expect(layerSize(system, { ...mount, lowers: [] })).toBe(6);
});

it('a tick may stop it, also while nothing changes', () => {
  const tree = scratch.tree('t', { a: '', b: '' });
  let looks = 0;
  const stop = {
    ...options,
    tick: () => {
      looks += 1;
      throw new Error('stopped');
    },
  };
  const write = (): void => writeMountChanges(system, wholeTree(tree), wholeTree(tree), () => {}, stop);
  expect(write).toThrow('stopped');
  expect(looks).toBe(1);
});

/** Few names, so that two of them have much in common, and much of another type. */
function randomTree(random: Random): TreeSpec {
  const spec: TreeSpec = {};
  const fill = (dir: string, depth: number): void => {
    for (const name of ['a', 'b', '.c', 'd-', 'e']) {
      const path = dir + name;
      const kind = random.below(depth < 3 ? 5 : 3);
      if (kind === 1) spec[path] = 'x'.repeat(random.below(3));
      else if (kind === 2) spec[path] = `-> ${random.pick(['a', '../b', '/e', 'nowhere'])}`;
      else if (kind > 2) {
        spec[path] = null;
        fill(`${path}/`, depth + 1);
      }
    }
  };
  fill('', 0);
  return spec;
}

it('a branch of aufs gives its whiteouts, which are names of one file, and nothing that aufs keeps for itself', () => {
  const dir = scratch.tree('branch', {
    '.wh..wh.aufs': '',
    '.wh..wh.orph': null,
    '.wh..wh.plnk/12.34': 'shared',
    '.wh..wh..opq': '= .wh..wh.aufs',
    '.wh.gone': '= .wh..wh.aufs',
    'd/.wh.gone': '= .wh..wh.aufs',
    'd/.wh..wh..opq': '= .wh..wh.aufs',
    'd/one': '= .wh..wh.plnk/12.34',
    'd/two': '= .wh..wh.plnk/12.34',
  });
  expect(readTar(ofDirectory(dir)).map(shown)).toEqual([
    '.wh..wh..opq file 0',
    '.wh.gone file 0',
    'd/ dir 0',
    'd/.wh..wh..opq file 0',
    'd/.wh.gone file 0',
    'd/one file 6',
    'd/two hardlink 0 d/one',
  ]);
});

describe('the changes between two trees, applied to the older, make the newer', () => {
  /** Both start as copies; then the newer one is changed in many ways. */
  function mutated(): { older: string; newer: string } {
    const older = scratch.tree('older', {
      'keep/f': 'same',
      'gone/f': 'x',
      'dir-to-file/f': 'x',
      'file-to-dir': 'x',
      'changed/mode': 'x',
      'changed/content': 'old',
      'changed/time': 'x',
      'link-to-dir': '-> keep',
      link: '-> a',
      one: 'linked',
      two: '= one',
    });
    execFileSync('cp', ['-a', older, scratch.path('newer')]);
    const newer = scratch.path('newer');
    const at = (path: string): string => join(newer, path);
    for (const path of ['gone', 'dir-to-file', 'file-to-dir', 'link-to-dir', 'link', 'one'])
      rmSync(at(path), { recursive: true });
    addTo(newer, {
      'dir-to-file': 'now a file',
      'file-to-dir/in/side': 'y',
      'link-to-dir/f': 'z',
      link: '-> b',
      'new/deep/f': 'n',
      three: '= new/deep/f',
    });
    chmodSync(at('changed/mode'), 0o640);
    writeFileSync(at('changed/content'), 'new');
    utimesSync(at('changed/time'), 5, 5);
    mkdirSync(at('empty'), { mode: 0o711 });
    if (isRoot) execFileSync('chown', ['-h', '7:8', at('link')]);
    return { older, newer };
  }

  it.each(['full', 'overlay'] as const)('TestApplyLayer: on %s layers', (style) => {
    const { older, newer } = mutated();
    const lab = new LayerLab(style);
    try {
      lab.apply(ofTree(older, null));
      lab.apply(ofTree(newer, older));
      expect(contents(lab.unpacked())).toEqual(contents(newer));
      const listed = (root: string): string[] => listTree(root).slice(1);
      if (isRoot) expect(listed(lab.unpacked())).toEqual(listed(newer));
    } finally {
      lab.close();
    }
  });

  it.each([1, 2, 3, 4])('for any two trees (seed %d)', (seed) => {
    const random = seeded(seed);
    const older = scratch.tree('older', randomTree(random));
    const newer = scratch.tree('newer', randomTree(random));
    for (const style of ['full', 'overlay'] as const) {
      const lab = new LayerLab(style);
      try {
        lab.apply(ofTree(older, null));
        lab.apply(ofTree(newer, older));
        expect(contents(lab.unpacked())).toEqual(contents(newer));
      } finally {
        lab.close();
      }
    }
  });

  it('and what was applied shows no difference any more', () => {
    const { older, newer } = mutated();
    const lab = new LayerLab('overlay');
    try {
      const base = lab.apply(ofTree(older, null));
      const top = lab.apply(ofTree(newer, older));
      const stack = { style: 'overlay' as const, dir: top.dir, lowers: [base.dir] };
      const rest = readTar(collected((sink) => writeMountChanges(system, wholeTree(newer), stack, sink, options))).map(
        ({ name }) => name,
      );
      expect(rest).toEqual([]);
    } finally {
      lab.close();
    }
  });
});
