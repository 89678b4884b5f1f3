import { describe, expect, it } from 'vitest';
import { hasCode } from '../../src/errors/kinds.ts';
import { outcome, readTar } from '../support/read-tar.ts';
import {
  base256,
  device,
  dir,
  entry,
  fifo,
  file,
  hardlink,
  header,
  longLink,
  longName,
  pax,
  paxGlobal,
  symlink,
  tar,
  zeros,
} from '../support/tar-fixture.ts';

const nested = tar([file('smuggled', 'x')]);

describe('headers', () => {
  it('gives everything that a ustar header says', () => {
    const bytes = tar([
      file('bin/su', 'body', { mode: 0o104755, uid: 7, gid: 8, mtime: 1234567890, uname: 'root' }),
      dir('etc/'),
      symlink('lnk', '../../etc'),
      hardlink('again', './bin/su'),
      device('char', 'null', 1, 3),
      device('block', 'sda', 8, 0),
      fifo('pipe'),
    ]);
    expect(readTar(bytes).map(({ name, type, size, linkname }) => [name, type, size, linkname])).toEqual([
      ['bin/su', 'file', 4, ''],
      ['etc/', 'dir', 0, ''],
      ['lnk', 'symlink', 0, '../../etc'],
      ['again', 'hardlink', 0, './bin/su'],
      ['null', 'char', 0, ''],
      ['sda', 'block', 0, ''],
      ['pipe', 'fifo', 0, ''],
    ]);
    expect(readTar(bytes)[0]).toMatchObject({
      mode: 0o4755,
      uid: 7,
      gid: 8,
      mtimeSec: 1234567890,
      mtimeNsec: 0,
      headerOffset: 0,
      bodyOffset: 512,
      xattrs: null,
      sparse: null,
      data: Buffer.from('body'),
    });
    expect(readTar(bytes)[4]).toMatchObject({ devMajor: 1, devMinor: 3 });
  });

  it('takes names that fill the field, prefixes, and bytes that are no text', () => {
    const full = 'n'.repeat(100);
    const name = (bytes: Buffer): string => readTar(tar([bytes]))[0]!.name;
    expect(name(file(full))).toBe(full);
    expect(name(file('name', '', { prefix: 'some/dir' }))).toBe('some/dir/name');
    expect(name(file('name', '', { prefix: 'p'.repeat(155) }))).toBe(`${'p'.repeat(155)}/name`);
    expect(name(file('star', '', { prefix: 'p'.repeat(131), magic: 'star' }))).toBe(`${'p'.repeat(131)}/star`);
    expect(name(file('old', '', { magic: 'v7', patch: [{ at: 345, bytes: 'ignored' }] }))).toBe('old');
    expect(readTar(tar([file('a\xff'), file('a\xfe')])).map((found) => found.name)).toEqual(['a\xff', 'a\xfe']);
    expect(name(file('__proto__'))).toBe('__proto__');
  });

  it('finds the prefix that Go before 1.8 put into GNU headers', () => {
    const gnu = { magic: 'gnu' as const };
    const name = (patch: string): string =>
      readTar(tar([file('f', '', { ...gnu, patch: [{ at: 345, bytes: patch }] })]))[0]!.name;
    expect(name('a/long/dir')).toBe('a/long/dir/f');
    expect(name('00000000001\x0000000000002\0')).toBe('f');
    expect(name('not\xe9ascii')).toBe('f');
  });

  it('takes the signed sum of old Sun tars, and no other', () => {
    expect(outcome(tar([file('caf\xe9', '', { checksum: 'signed' })]))).toEqual(['caf\xe9']);
    expect(outcome(tar([file('caf\xe9', '', { checksum: 1234 })]))).toBe('TAR_INVALID');
  });

  it.each([
    ['two spaces before', '  644\0 '],
    ['a space behind', '000644 \0'],
    ['no padding at all', '00000644'],
    ['NULs before', '\0\0\0\x00644'],
    ['garbage behind a NUL', '644\x00zzzz'],
  ])('reads octal numbers with %s', (_, mode) => {
    expect(readTar(tar([file('f', '', { mode })]))[0]!.mode).toBe(0o644);
  });

  it.each(['9999999', '0x10', '-0000001', '1.5', '12 34', '6 4\0'])('refuses %j as a number', (mode) => {
    expect(outcome(tar([file('f', '', { mode })]))).toBe('TAR_INVALID');
  });

  it('reads base-256 numbers, negative ones too, and refuses those over 64 bits', () => {
    const time = (mtime: Buffer): number => readTar(tar([file('f', '', { mtime })]))[0]!.mtimeSec;
    expect(time(base256(2 ** 40, 12))).toBe(2 ** 40);
    expect(time(base256(-1, 12))).toBe(-1);
    expect(time(base256(-(2 ** 40), 12))).toBe(-(2 ** 40));
    expect(outcome(tar([file('f', '', { mtime: Buffer.from('80ffffffffffffffffffffff', 'hex') })]))).toBe(
      'TAR_INVALID',
    );
    expect(outcome(tar([file('f', '', { mtime: Buffer.from('c00000000000000000000000', 'hex') })]))).toBe(
      'TAR_INVALID',
    );
  });

  it('makes a directory of a NUL flag and a trailing slash, but a file of flag 0', () => {
    const data = readTar(tar([entry('d/', '', { type: '\0' }), entry('f', 'x', { type: '\0' }), file('g/', 'data')]));
    expect(data.map(({ type, size }) => [type, size])).toEqual([
      ['dir', 0],
      ['file', 1],
      ['file', 4],
    ]);
  });

  it('reads contiguous files as files', () => {
    expect(readTar(tar([entry('c', 'data', { type: '7' })]))[0]).toMatchObject({ type: 'file', size: 4 });
  });

  it.each(['Z', 'D', 'M', 'V', 'A', 'N', '\x1b'])('refuses type %j and names the entry', (type) => {
    const bytes = tar([entry('odd', '', { type })]);
    expect(() => readTar(bytes)).toThrow(/odd/);
    expect(outcome(bytes)).toBe('ENTRY_TYPE_INVALID');
  });
});

describe('sizes and owners', () => {
  it('gives links, devices and directories no body whatever their size says', () => {
    const bytes = tar([hardlink('h', 'a', { size: 512 }), dir('d', { size: 99 }), file('after', 'x')]);
    expect(readTar(bytes).map(({ name, size }) => [name, size])).toEqual([
      ['h', 0],
      ['d', 0],
      ['after', 1],
    ]);
  });

  it('refuses a body after a hard link: it would be read as headers', () => {
    expect(outcome(tar([hardlink('h', 'a', { size: 512 }), Buffer.alloc(512, 'x')]))).toBe('TAR_INVALID');
  });

  it.each([
    ['base-256', file('f', '', { size: base256(-1, 12) })],
    ['pax', file('f', '', { pax: { size: '-1000' } })],
    ['beyond 2^53', file('f', '', { size: base256(2n ** 62n, 12) })],
    ['of an extension header', entry('x', '', { type: 'x', size: base256(-1, 12) })],
  ])('refuses negative and impossible sizes: %s', (_, piece) => {
    expect(outcome(tar([piece]))).toBe('TAR_INVALID');
  });

  it.each([
    [0, true],
    [4294967294, true],
    [4294967295, false],
    [4294967296, false],
    [-1, false],
  ])('takes owner %d: %s', (id, good) => {
    const expected = good ? ['n'] : 'TAR_INVALID';
    expect(outcome(tar([file('n', '', { pax: { uid: String(id) } })]))).toEqual(expected);
    expect(outcome(tar([file('n', '', { pax: { gid: String(id) } })]))).toEqual(expected);
    expect(outcome(tar([file('n', '', { uid: base256(id, 8) })]))).toEqual(expected);
  });

  it.each([
    [4095, 1048575, true],
    [4096, 0, false],
    [0, 1048576, false],
    [-1, 0, false],
  ])('takes device %d:%d: %s', (major, minor, good) => {
    const fields = [base256(major, 8), base256(minor, 8)] as const;
    expect(outcome(tar([device('block', 'dev', ...fields)]))).toEqual(good ? ['dev'] : 'TAR_INVALID');
    // Some writers leave numbers in the headers of plain files.
    expect(outcome(tar([file('f', '', { devMajor: fields[0], devMinor: fields[1] })]))).toEqual(['f']);
  });

  it('refuses a size that the input does not have, without allocating it', () => {
    expect(outcome(tar([header('f', { size: 2 ** 40 })]))).toBe('TAR_TRUNCATED');
  });
});

describe('extension headers', () => {
  it('lets a pax size govern the body: nothing hidden in it becomes an entry', () => {
    const hidden = Buffer.concat([pax({ size: String(nested.length) }), header('a', { size: 0 }), nested]);
    expect(readTar(tar([hidden, file('b')])).map(({ name, size }) => [name, size])).toEqual([
      ['a', nested.length],
      ['b', 0],
    ]);
  });

  it('skips a long name by its own size, whatever the pax header before it says', () => {
    const bytes = tar([pax({ size: '1048576' }), longName('long'), header('n', { size: 0 }), Buffer.alloc(1048576)]);
    expect(readTar(bytes).map(({ name, size }) => [name, size])).toEqual([['long', 1048576]]);
  });

  it('counts only the last pax header, and the last long name', () => {
    expect(outcome(tar([pax({ path: 'a' }), pax({ comment: 'c' }), file('b')]))).toEqual(['b']);
    expect(outcome(tar([longName('first'), longName('second'), file('h')]))).toEqual(['second']);
    expect(outcome(tar([longName('first'), longName(''), file('h')]))).toEqual(['h']);
  });

  it('prefers the long name to the pax path in either order', () => {
    expect(outcome(tar([pax({ path: 'p' }), longName('l'), file('h')]))).toEqual(['l']);
    expect(outcome(tar([longName('l'), pax({ path: 'p' }), file('h')]))).toEqual(['l']);
    const links = readTar(tar([pax({ linkpath: 'p' }), longLink('l'), symlink('s', 'h')]));
    expect(links[0]!.linkname).toBe('l');
  });

  it('starts an entry at the first of its extension headers, and forgets them after it', () => {
    const first = file('a');
    const [, second, third] = readTar(
      tar([first, longName('x/'.repeat(300)), pax({ mtime: '5' }), file('b'), file('c')]),
    );
    expect(second).toMatchObject({ headerOffset: first.length, name: 'x/'.repeat(300), mtimeSec: 5 });
    expect(third).toMatchObject({ name: 'c', mtimeSec: 1, headerOffset: third!.bodyOffset - 512 });
  });

  it('ignores global headers, those that rename, resize or re-own too', () => {
    const global = paxGlobal({
      path: 'evil',
      size: '0',
      linkpath: 'evil',
      uid: '77',
      'GNU.sparse.major': '1',
      comment: 'c',
    });
    const bytes = tar([global, file('good', 'data'), pax({ path: 'p' }), global, file('f', 'x')]);
    expect(readTar(bytes).map(({ name, uid, data }) => [name, uid, data.toString()])).toEqual([
      ['good', 0, 'data'],
      ['p', 0, 'x'],
    ]);
  });

  it('loses an extension header at the end without an error', () => {
    expect(outcome(tar([file('a'), pax({ path: 'b' })]))).toEqual(['a']);
    expect(outcome(tar([file('a'), longName('b')], 0))).toEqual(['a']);
  });

  it('keeps long targets of links', () => {
    const target = 't/'.repeat(1000);
    expect(readTar(tar([symlink('s', 'x', { longLink: target })]))[0]!.linkname).toBe(target);
    expect(readTar(tar([symlink('s', 'x', { pax: { linkpath: target } })]))[0]!.linkname).toBe(target);
  });
});

describe('the end', () => {
  it('takes no bytes, zeros only, and a missing end marker', () => {
    expect(outcome(Buffer.alloc(0))).toEqual([]);
    expect(outcome(zeros(1))).toEqual([]);
    expect(outcome(zeros(20))).toEqual([]);
    expect(outcome(tar([file('a', 'x')], 0))).toEqual(['a']);
    expect(outcome(tar([file('a', 'x')], 1))).toEqual(['a']);
  });

  it('refuses an entry after a single zero block', () => {
    expect(outcome(tar([file('a'), zeros(1), file('b')]))).toBe('TAR_INVALID');
  });

  it('gives what follows the end marker as raw bytes, never as entries', () => {
    expect(outcome(Buffer.concat([tar([file('a')]), tar([file('b')])]))).toEqual(['a']);
    expect(outcome(Buffer.concat([tar([]), Buffer.alloc(3 * 1024 * 1024 + 1, 'junk')]))).toEqual([]);
  });

  it.each([
    ['a header', 100],
    ['a body', 512 + 10],
    ['the next header', 1024 + 511],
    ['an extension header', 512 + 512 + 512 + 3],
  ])('refuses a stream that ends inside %s', (_, length) => {
    const bytes = tar([file('a', 'x'.repeat(20)), file('b', '', { pax: { path: 'long' } })]);
    expect(outcome(bytes.subarray(0, length))).toBe('TAR_TRUNCATED');
  });

  it('forgives missing padding of the last body', () => {
    expect(outcome(tar([file('a', 'xyz')]).subarray(0, 512 + 3))).toEqual(['a']);
    expect(outcome(tar([file('a', 'xyz')]).subarray(0, 512 + 100))).toEqual(['a']);
  });

  it('passes padding that is not zero through', () => {
    expect(readTar(tar([file('a', 'xyz', { padding: Buffer.alloc(509, 'p') }), file('b')]))).toHaveLength(2);
  });
});

describe('limits', () => {
  const limit = (bytes: Buffer, limits: NonNullable<Parameters<typeof readTar>[1]>['limits']): unknown => {
    try {
      readTar(bytes, limits === undefined ? {} : { limits });
    } catch (error) {
      return hasCode(error, 'LIMIT_EXCEEDED') ? error.details.limit : error;
    }
    return null;
  };

  it('counts entries', () => {
    const bytes = tar([file('a'), paxGlobal({ comment: 'no entry' }), file('a'), file('a')]);
    expect(limit(bytes, { entries: 3 })).toBeNull();
    expect(limit(bytes, { entries: 2 })).toBe('entries');
  });

  it.each(['x', 'g', 'L', 'K'])('bounds the body of %s headers before reading it', (type) => {
    expect(limit(header('m', { type, size: 2 ** 31 }), {})).toBe('metaBytes');
    expect(limit(tar([entry('m', Buffer.alloc(2000, 'a'), { type })]), { metaBytes: 1999 })).toBe('metaBytes');
  });

  it('bounds extension headers in a row', () => {
    const row = (count: number): Buffer => tar([...Array.from({ length: count }, () => pax({ a: 'b' })), file('f')]);
    expect(limit(row(50), {})).toBeNull();
    expect(limit(row(1000), {})).toBe('headersInARow');
    expect(limit(tar(Array.from({ length: 1000 }, () => paxGlobal({ a: 'b' }))), {})).toBe('headersInARow');
  });

  it.each([
    ['a component', 'c'.repeat(256), 'componentBytes'],
    ['a path', `${'d'.repeat(99)}/`.repeat(41), 'pathBytes'],
    ['the depth', 'd/'.repeat(1030), 'depth'],
  ])('bounds %s', (_, path, expected) => {
    expect(limit(tar([file('f', '', { pax: { path } })]), {})).toBe(expected);
    expect(limit(tar([file('f', '', { longName: path })]), {})).toBe(expected);
  });

  it('takes paths at the limits', () => {
    expect(limit(tar([file('f', '', { longName: `./${'c'.repeat(255)}/` })]), {})).toBeNull();
    expect(limit(tar([file('f', '', { longName: `${'d'.repeat(99)}/`.repeat(40) + 'e'.repeat(95) })]), {})).toBeNull();
    expect(limit(tar([dir('f', { longName: 'd/'.repeat(1025) })]), {})).toBeNull();
  });

  it('bounds the targets of links', () => {
    expect(limit(tar([symlink('s', '', { pax: { linkpath: 'x'.repeat(70000) } })]), {})).toBe('pathBytes');
  });

  it('bounds extended attributes', () => {
    const xattr = (name: string, value: string): Buffer =>
      tar([file('f', '', { pax: { [`SCHILY.xattr.${name}`]: value } })]);
    expect(limit(xattr('user.a', 'x'.repeat(65536)), {})).toBeNull();
    expect(limit(xattr('user.a', 'x'.repeat(65537)), {})).toBe('xattrBytes');
    expect(limit(xattr(`user.${'n'.repeat(251)}`, ''), {})).toBe('xattrNameBytes');
    const many = Array.from({ length: 10000 }, (_, i): [string, string] => [`SCHILY.xattr.user.${i}`, '']);
    expect(limit(tar([file('f', '', { pax: many })]), {})).toBe('xattrs');
  });
});

describe('errors', () => {
  it('name the place and the entry, escaped', () => {
    const bytes = tar([file('fine'), file('e\x1b[2J\n', '', { size: base256(-1, 12) })]);
    const error = (() => {
      try {
        readTar(bytes);
      } catch (thrown) {
        return thrown;
      }
      return null;
    })();
    expect(error).toMatchObject({ details: { offset: 512, entry: 'e\\u{1b}[2J\\n' } });
    expect(String(error)).toContain('512');
    expect(String(error)).not.toContain('\x1b');
  });

  it.each([
    ['text', Buffer.from('just some text\n'.repeat(100))],
    ['a zip', Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(1000, 7)])],
    ['noise', Buffer.from(Array.from({ length: 1024 }, (_, i) => (i * 7919) % 251))],
  ])('refuse %s', (_, bytes) => {
    expect(outcome(bytes)).toBe('TAR_INVALID');
  });
});
