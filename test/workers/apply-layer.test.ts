import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_LIMITS } from '../../src/archive/limits.ts';
import { digestLayer } from '../../workers/digest-layer.ts';
import { contents, LayerLab, listTree, type Style } from '../support/layer-lab.ts';
import { device, dir, fifo, file, hardlink, pax, paxGlobal, symlink, tar, zeros } from '../support/tar-fixture.ts';

const isRoot = process.geteuid?.() === 0;
const opq = (path: string): Buffer => file(`${path}/.wh..wh..opq`);

describe.each<Style>(['full', 'overlay'])('layers applied in %s style', (style) => {
  let lab: LayerLab;

  beforeEach(() => {
    lab = new LayerLab(style);
    const victim = join(lab.root, 'victim');
    mkdirSync(victim);
    writeFileSync(join(victim, 'hello'), 'hello world');
  });

  afterEach(() => {
    const victim = join(lab.root, 'victim');
    expect(contents(victim)).toEqual({ hello: 'hello world' });
    expect(lstatSync(join(victim, 'hello')).nlink).toBe(1);
    lab.close();
  });

  /** Applies layers and answers the tree; what a container would see and what `unpack` makes must be the same. */
  function stack(...layers: Buffer[][]): Record<string, string> {
    for (const entries of layers) lab.apply(tar(entries));
    const unpacked = lab.unpacked();
    const merged = lab.merged();
    if (merged !== null) expect(listTree(merged)).toEqual(listTree(unpacked));
    lab.unmount();
    expectRebuilt(layers.map((entries) => tar(entries)));
    return contents(unpacked);
  }

  /** Every layer so far gives its tar back, byte for byte. */
  function expectRebuilt(tars: Buffer[]): void {
    for (const [index, layer] of lab.layers.entries()) {
      const digests = digestLayer(
        lab.system,
        { source: lab.source(layer), expected: {}, limits: DEFAULT_LIMITS },
        lab.context,
      );
      expect(digests.diffId).toBe(`sha256:${createHash('sha256').update(tars[index]!).digest('hex')}`);
    }
  }

  const failure = (...entries: Buffer[]): unknown => {
    try {
      lab.apply(tar(entries));
      return undefined;
    } catch (error) {
      return (error as { code?: unknown }).code;
    }
  };

  const lower = [
    dir('etc/'),
    file('etc/passwd', 'root'),
    file('old', 'o'),
    dir('d/'),
    dir('d/sub/'),
    file('d/sub/x', 'x'),
    file('d/y', 'y'),
    symlink('lnk', '/etc'),
    symlink('esc', '../../..'),
    file('.baz', '.'),
    file('baz', 'b'),
  ];
  const lowerTree = {
    'etc/': '',
    'etc/passwd': 'root',
    old: 'o',
    'd/': '',
    'd/sub/': '',
    'd/sub/x': 'x',
    'd/y': 'y',
    lnk: '-> /etc',
    esc: '-> ../../..',
    '.baz': '.',
    baz: 'b',
  };
  const without = (...paths: string[]): Record<string, string> =>
    Object.fromEntries(
      Object.entries(lowerTree).filter(([path]) => !paths.some((gone) => path === gone || path.startsWith(`${gone}/`))),
    );

  test('entries become files, directories, links, with their times to the nanosecond', () => {
    const tree = stack([
      pax({ mtime: '1234567890.123456789' }),
      dir('a/', { mode: 0o750 }),
      pax({ mtime: '-1.5' }),
      file('a/f', 'data'),
      symlink('a/l', '../nowhere'),
      hardlink('a/h', '/a/f'),
    ]);
    expect(tree).toEqual({ 'a/': '', 'a/f': 'data', 'a/l': '-> ../nowhere', 'a/h': 'data' });
    const unpacked = join(lab.root, 'unpacked');
    expect(lstatSync(join(unpacked, 'a'), { bigint: true }).mtimeNs).toBe(1234567890123456789n);
    expect(lstatSync(join(unpacked, 'a/f'), { bigint: true }).mtimeNs).toBe(-1500000000n);
    expect(lstatSync(join(unpacked, 'a/h')).ino).toBe(lstatSync(join(unpacked, 'a/f')).ino);
  });

  test('missing parents are made 0755 with the time of the entry', () => {
    stack([file('p/q/f', 'x', { mtime: 77 })]);
    const stat = lstatSync(join(lab.root, 'unpacked/p/q'));
    expect(stat.mode & 0o7777).toBe(0o755);
    expect(stat.mtimeMs).toBe(77_000);
  });

  test('an implied parent keeps what the lower directory was like', () => {
    stack([dir('tmp/', { mode: 0o1777, mtime: 50 })], [file('tmp/new', 'x', { mtime: 99 })]);
    const merged = lab.merged();
    if (merged === null) return console.log('skipped: mounting overlays needs root');
    const stat = lstatSync(join(merged, 'tmp'));
    expect(stat.mode & 0o7777).toBe(0o1777);
    expect(stat.mtimeMs).toBe(50_000);
  });

  test('a parent that is a link in a lower layer is followed inside the root', () => {
    const tree = stack(
      [dir('usr/lib/'), symlink('lib', 'usr/lib'), symlink('run', '/var/run')],
      [file('lib/x', 'x'), file('run/p/q', 'q')],
    );
    expect(tree).toEqual({
      'usr/': '',
      'usr/lib/': '',
      'usr/lib/x': 'x',
      lib: '-> usr/lib',
      run: '-> /var/run',
      'var/': '',
      'var/run/': '',
      'var/run/p/': '',
      'var/run/p/q': 'q',
    });
  });

  test.each([
    ['a file that only the layers below have', [file('.wh.old')], without('old')],
    ['a name that begins with a dot', [file('.wh..baz')], without('.baz')],
    ['through a link', [file('lnk/.wh.passwd')], without('etc/passwd')],
    ['a directory', [file('.wh.d')], without('d')],
    ['nothing', [file('.wh.none'), file('no/where/.wh.none'), file('old/.wh.none')], lowerTree],
    ['a link itself', [file('.wh.lnk')], without('lnk')],
    [
      'whatever type the marker has',
      [dir('.wh.old'), symlink('.wh.baz', '/etc'), file('.wh..baz', 'body')],
      without('old', 'baz', '.baz'),
    ],
  ])('whiteouts remove %s', (_, entries, expected) => {
    expect(stack(lower, entries)).toEqual(expected);
  });

  test.each([
    ['before', (path: string) => [file(`.wh.${path}`), file(path, 'new')]],
    ['after', (path: string) => [file(path, 'new'), file(`.wh.${path}`)]],
  ])('a whiteout %s a file of the same layer leaves the file', (_, entries) => {
    expect(stack(lower, entries('old'))).toEqual({ ...lowerTree, old: 'new' });
  });

  test('a whiteout of a directory that the same layer also fills hides only what is below', () => {
    expect(stack(lower, [dir('d/'), file('d/new', 'n'), file('.wh.d')])).toEqual({
      ...without('d'),
      'd/': '',
      'd/new': 'n',
    });
  });

  test.each([
    ['first', [opq('d'), file('d/sub/deep/new', 'n')]],
    ['last', [file('d/sub/deep/new', 'n'), opq('d')]],
  ])('an opaque directory hides what is below wherever its marker is: %s', (_, entries) => {
    expect(stack(lower, entries)).toEqual({
      ...without('d'),
      'd/': '',
      'd/sub/': '',
      'd/sub/deep/': '',
      'd/sub/deep/new': 'n',
    });
  });

  test('an opaque marker alone makes its directory', () => {
    expect(stack(lower, [opq('nope')])).toEqual({ ...lowerTree, 'nope/': '' });
  });

  test('an opaque root leaves only the layer itself', () => {
    expect(stack(lower, [file('d/new', 'n'), file('.wh..wh..opq'), file('other', 'o')])).toEqual({
      'd/': '',
      'd/new': 'n',
      other: 'o',
    });
  });

  test('an opaque marker through a link empties the directory that it leads to', () => {
    expect(stack(lower, [opq('lnk')])).toEqual(without('etc/passwd'));
  });

  test('what takes the place of something hides what was below it', () => {
    expect(stack(lower, [file('d', 'file now')])).toEqual({ ...without('d'), d: 'file now' });
    expect(contents(lab.unpacked())['d']).toBe('file now');
  });

  test('a directory that takes the place of a file of its own layer hides the lower directory of that name', () => {
    expect(stack(lower, [file('d', 'file first'), dir('d/'), file('d/z', 'z')])).toEqual({
      ...without('d'),
      'd/': '',
      'd/z': 'z',
    });
  });

  test('a directory entry replaces a lower link to a directory, not what it leads to', () => {
    expect(stack(lower, [dir('lnk/'), file('lnk/f', 'f')])).toEqual({ ...without('lnk'), 'lnk/': '', 'lnk/f': 'f' });
  });

  test('the last of several entries for one path wins, and all of them are given back', () => {
    const many = [
      file('a', 'first'),
      file('./a', 'second!'),
      symlink('a', 'x'),
      dir('a/'),
      file('a/b', 'in a'),
      file('a', 'last'),
    ];
    expect(stack(many)).toEqual({ a: 'last' });
    expect(readdirSync(join(lab.layers[0]!.meta, 'payload'))).toHaveLength(3);
  });

  test('sizes count each inode once, and only what stays', () => {
    stack([file('a', '12345'), hardlink('b', 'a'), symlink('l', '123'), file('a', '12')]);
    expect(lab.layers[0]!.result).toMatchObject({ status: 'applied', size: 5 + 3 + 2 });
  });

  test('bodies that never become files are given back', () => {
    stack([file('x', 'y'), file('.wh.gone', 'a body'), file('d/.wh..wh..opq', 'another'), paxGlobal({ comment: 'c' })]);
  });

  test('layers above do not change what a layer gives back', () => {
    stack(
      lower,
      [file('old', 'changed'), file('.wh.baz'), opq('d'), hardlink('hl', 'etc/passwd')],
      [file('etc/passwd', 'third')],
    );
  });

  test('hard links reach into the layers below, and stay what they were when the other name changes', () => {
    expect(stack(lower, [hardlink('g', 'old'), file('old', 'new')])).toEqual({ ...lowerTree, g: 'o', old: 'new' });
  });

  test('a hard link changes nothing of the file that it names, whatever its own header says', () => {
    stack([file('f', 'x', { mode: 0o755, mtime: 5 }), hardlink('h', 'f', { mode: 0o644, mtime: 9 })]);
    const { mode, mtimeMs } = lstatSync(join(lab.root, 'unpacked/f'));
    expect([mode & 0o7777, mtimeMs]).toEqual([0o755, 5000]);
  });

  test('a hard link to a link is a link', () => {
    expect(stack([file('f', 'x'), symlink('s', '../../../etc/passwd'), hardlink('h', '/s')])).toMatchObject({
      h: '-> ../../../etc/passwd',
    });
  });

  test('sparse files are expanded and given back as they were stored', () => {
    const sparse = file('GNUSparseFile.0/s', 'abXY', {
      pax: {
        'GNU.sparse.major': '0',
        'GNU.sparse.minor': '1',
        'GNU.sparse.name': 's',
        'GNU.sparse.size': '1000',
        'GNU.sparse.numblocks': '2',
        'GNU.sparse.map': '10,2,500,2',
      },
    });
    const tree = stack([sparse]);
    const expected = Buffer.alloc(1000);
    expected.write('ab', 10);
    expected.write('XY', 500);
    expect(tree['s']).toBe(expected.toString('latin1'));
  });

  test('hard links of aufs layers become files', () => {
    const tree = stack([
      dir('.wh..wh.plnk/'),
      file('.wh..wh.plnk/77.1', 'kept', { mode: 0o640 }),
      file('.wh..wh.aufs'),
      hardlink('a', '.wh..wh.plnk/77.1'),
      hardlink('b', '.wh..wh.plnk/77.1'),
    ]);
    expect(tree).toEqual({ a: 'kept', b: 'kept' });
    expect(lstatSync(join(lab.root, 'unpacked/a')).mode & 0o7777).toBe(0o640);
    expect(failure(hardlink('c', '.wh..wh.plnk/99.9'))).toBe('LINK_INVALID');
  });

  test('what follows the end marker is part of the tar and of nothing else', () => {
    const whole = Buffer.concat([tar([file('a', '1')]), Buffer.from('trailing bytes'), file('b', '2'), zeros(2)]);
    lab.apply(whole);
    expect(contents(lab.unpacked())).toEqual({ a: '1' });
    expectRebuilt([whole]);
  });

  test.each([
    ['the parent itself', 'ENTRY_OUTSIDE_ROOT', [dir('..', { mode: 0o777 })]],
    ['a root that is no directory', 'ENTRY_TYPE_INVALID', [symlink('.', '/etc')]],
    ['a whiteout of nothing', 'WHITEOUT_INVALID', [file('d/f', 'x'), file('d/.wh.')]],
    ['a whiteout of the directory itself', 'WHITEOUT_INVALID', [file('d/f', 'x'), file('d/.wh..')]],
    ['a whiteout of the parent', 'WHITEOUT_INVALID', [file('.wh...')]],
    [
      'a hard link out of the root to a name that is inside too',
      'LINK_INVALID',
      [file('a', '1'), hardlink('b', '../a')],
    ],
    ['a hard link to nothing', 'LINK_INVALID', [hardlink('b', 'a'), file('a', '1')]],
    ['a hard link to itself', 'LINK_INVALID', [file('a', '1'), hardlink('./a', 'a')]],
    ['a hard link to a directory', 'LINK_INVALID', [dir('d/'), hardlink('e', 'd')]],
    ['a hard link to a host path', 'LINK_INVALID', [hardlink('exploit', '/etc/hostname-of-nobody')]],
    ['a link loop on the way', 'LINK_INVALID', [symlink('a', 'b'), symlink('b', 'a'), file('a/x', 'x')]],
    ['a file on the way', 'ENTRY_PARENT_INVALID', [file('f', 'x'), file('f/x', 'x')]],
    ['a link to a file on the way', 'ENTRY_PARENT_INVALID', [file('f', 'x'), symlink('l', 'f'), file('l/x', 'x')]],
    ['an empty link', 'LINK_INVALID', [symlink('b', '')]],
    ['a device that is a whiteout', 'ENTRY_TYPE_INVALID', [device('char', 'f', 0, 0)]],
  ])('%s is refused', (_, code, entries) => {
    lab.apply(tar([symlink('up', '..')]));
    expect(failure(...entries)).toBe(code);
  });

  test.each([
    [
      'links that are harmless one by one',
      [
        dir('inner/'),
        symlink('inner/up', '..'),
        symlink('inner/up/escape', '../victim'),
        file('inner/up/escape/newfile', 'x'),
      ],
    ],
    [
      'a link put in the place of a directory',
      [dir('foo/'), dir('foo/tmp/'), file('foo/tmp/b', '1'), symlink('foo', '../victim'), file('foo/tmp/b', '2')],
    ],
    ['a link written to', [symlink('f', '../victim/hello'), file('f', 'pwn')]],
    ['a whiteout through a link', [symlink('l', '../victim'), file('l/.wh.hello')]],
    ['an opaque marker through a link', [symlink('l', '../victim'), opq('l')]],
  ])('%s stays inside', (_, entries) => {
    stack([file('x', 'x')], entries);
  });

  test('a 300-link chain is refused, a total of 255 is the end', () => {
    const chain = Array.from({ length: 300 }, (_unused, index) =>
      symlink(`l${index}`, index === 299 ? 'd' : `l${index + 1}`),
    );
    expect(failure(...chain, file('l0/x', 'x'))).toBe('LINK_INVALID');
  });

  test('attributes of the overlay machinery do not reach the tree', () => {
    stack(
      [file('d/x', '1')],
      [dir('d/', { pax: { 'SCHILY.xattr.trusted.overlay.opaque': 'y', 'SCHILY.xattr.user.overlay.opaque': 'y' } })],
    );
    expect(contents(lab.unpacked())).toEqual({ 'd/': '', 'd/x': '1' });
    expect(lab.warnings.map((warning) => warning.code)).toContain('XATTR_IGNORED');
  });

  test.runIf(isRoot)('root keeps owners, set-id bits, devices, capabilities', () => {
    const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
    stack([
      dir('g/', { mode: 0o2775, gid: 50 }),
      file('g/inherits', 'x'),
      dir('g/d/'),
      file('su', 'x', { mode: 0o4755, uid: 1000, gid: 1000 }),
      file('ping', 'x', { uid: 1, pax: { 'SCHILY.xattr.security.capability': capability } }),
      device('char', 'null', 1, 3, { mode: 0o666 }),
      device('block', 'sda', 8, 0, { mode: 0o660, gid: 6 }),
      fifo('pipe', { mode: 0o600 }),
    ]);
    const lines = listTree(join(lab.root, 'unpacked'));
    expect(lines).toContain('file su 4755 1000:1000 "x"');
    expect(lines).toContain('dir g 2775 0:50');
    expect(lines).toContain('file g/inherits 0644 0:0 "x"');
    expect(lines).toContain('dir g/d 0755 0:0');
    expect(lines).toContain('node null 0666 0:0 259');
    expect(lines).toContain('node sda 0660 0:6 2048');
    expect(lines).toContain('fifo pipe 0600 0:0 ');
    const { system } = lab;
    const root = system.openRoot(join(lab.root, 'unpacked'));
    if (typeof root === 'number') throw new Error('no root');
    expect(system.getXattr(root, 'ping', 'security.capability')).toEqual(capability);
    system.closeDir(root);
  });
});

describe('an overlay layer whose parent is not complete yet', () => {
  let lab: LayerLab;
  beforeEach(() => {
    lab = new LayerLab('overlay');
    lab.apply(tar([dir('a/'), symlink('lib', 'usr/lib'), file('f', 'x')]));
  });
  afterEach(() => lab.close());

  test.each([
    ['every parent is named', [dir('a/'), file('a/new', 'n'), file('.wh.f')], 'applied'],
    ['a parent is implied', [file('a/new', 'n')], 'needs-lower'],
    ['a link target is below', [hardlink('g', 'f')], 'needs-lower'],
    ['the root is opaque', [file('.wh..wh..opq')], 'needs-lower'],
  ])('is applied or waits: %s', (_, entries, status) => {
    const layer = lab.apply(tar(entries), { lowers: false });
    expect(layer.result.status).toBe(status);
    if (status === 'needs-lower') expect(readdirSync(layer.dir)).toEqual([]);
  });
});

test('the record keeps the layer small', () => {
  const lab = new LayerLab('full');
  try {
    lab.apply(tar(Array.from({ length: 500 }, (_unused, index) => file(`dir/file-${index}`, 'same'))));
    expect(lstatSync(join(lab.layers[0]!.meta, 'record')).size).toBeLessThan(500 * 1024 * 0.1);
  } finally {
    lab.close();
  }
});
