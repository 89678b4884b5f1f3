import { describe, expect, it } from 'vitest';
import { readPax } from '../../src/archive/pax.ts';
import { file, pax, paxBody, paxRecord, tar, entry } from '../support/tar-fixture.ts';
import { outcome, readTar } from '../support/read-tar.ts';

const read = (body: Buffer | string): ReturnType<typeof readPax> => {
  const bytes = Buffer.from(body as string, 'latin1');
  return readPax(bytes, 0, bytes.length, 0);
};

describe('records', () => {
  it('reads every key that says something about the entry', () => {
    expect(
      read(
        paxBody({
          path: 'p',
          linkpath: 'l',
          size: '5',
          uid: '6',
          gid: '7',
          mtime: '8.5',
          uname: 'u',
          'unknown.key': 'x',
        }),
      ),
    ).toMatchObject({ path: 'p', linkpath: 'l', size: 5, uid: 6, gid: 7, mtime: { sec: 8, nsec: 500_000_000 } });
  });

  it('reads records whose length grows by counting its own digits', () => {
    for (const length of [1, 2, 3, 4, 5, 90, 91, 92, 93, 989, 990, 991, 992]) {
      expect(read(paxRecord('path', 'p'.repeat(length))).path).toHaveLength(length);
    }
  });

  it.each([
    ['no length', ' path=a\n'],
    ['no space', '5'],
    ['a length that is too short', '4 a=\n'],
    ['zero', '0 a=b\n'],
    ['more than there is', '99 a=b\n'],
    ['a huge length', '99999999999999999999 a=b\n'],
    ['a sign', '+6 a=b\n'],
    ['a minus', '-6 a=b\n'],
    ['leading zeros', '06 a=b\n'],
    ['a leading space', ' 6 a=b\n'],
    ['letters', '6x a=b\n'],
    ['no newline', '6 a=bc'],
    ['no newline at the end', '5 a=b'],
    ['no equals sign', '6 abc\n'],
    ['an equals sign in the next record only', '5 a\n\n6 a=b\n'],
    ['no key', '5 =b\n'],
    ['a NUL in the key', '7 a\0=b\n'],
    ['bytes after the last record', '6 a=b\n\0\0'],
  ])('refuses %s', (_, body) => {
    expect(() => read(body)).toThrow(expect.objectContaining({ code: 'TAR_INVALID' }));
  });

  it.each(['path', 'linkpath', 'uname', 'gname', 'GNU.sparse.name'])(
    'refuses a NUL in %s, which some readers would cut there',
    (key) => {
      expect(() => read(paxBody({ [key]: 'a\0../../victim/x' }))).toThrow(
        expect.objectContaining({ code: 'TAR_INVALID' }),
      );
    },
  );

  it('takes an empty value for the word of the header', () => {
    const values = { path: '', linkpath: '', size: '', uid: '', gid: '', mtime: '' };
    expect(read(paxBody(values))).toMatchObject({
      path: null,
      linkpath: null,
      size: null,
      uid: null,
      gid: null,
      mtime: null,
    });
    expect(readTar(tar([file('h', 'data', { uid: 3, pax: values })]))[0]).toMatchObject({
      name: 'h',
      size: 4,
      uid: 3,
      mtimeSec: 1,
    });
    expect(
      read(
        paxBody([
          ['path', 'a'],
          ['path', ''],
        ]),
      ).path,
    ).toBeNull();
  });

  it('lets the last of several records with one key count', () => {
    expect(
      read(
        paxBody([
          ['path', 'a'],
          ['uid', '1'],
          ['path', 'b'],
          ['uid', '2'],
        ]),
      ),
    ).toMatchObject({ path: 'b', uid: 2 });
  });

  it('keeps names as bytes, numeric ones and __proto__ as they are', () => {
    expect(read(paxBody({ path: 'caf\xe9' })).path).toBe('caf\xe9');
    expect(read(paxBody({ path: '12345' })).path).toBe('12345');
    expect(
      read(
        paxBody([
          ['__proto__', '1'],
          ['path', 'p'],
        ]),
      ).path,
    ).toBe('p');
    expect([...read(paxBody({ 'SCHILY.xattr.__proto__': 'x' })).xattrs!.keys()]).toEqual(['__proto__']);
  });

  it.each(['size', 'uid', 'gid'])('refuses a %s that is no decimal number', (key) => {
    for (const value of ['abc', '1.5', '0x10', '1e3', ' 1', '1 ', '-', '9223372036854775808']) {
      expect(() => read(paxBody({ [key]: value }))).toThrow(expect.objectContaining({ code: 'TAR_INVALID' }));
    }
  });
});

describe('times', () => {
  it.each([
    ['0', 0, 0],
    ['1', 1, 0],
    ['1.', 1, 0],
    ['1.5', 1, 500_000_000],
    ['1.000000001', 1, 1],
    ['1.99999999999', 1, 999_999_999],
    ['1350244992.023960108', 1350244992, 23_960_108],
    ['-1', -1, 0],
    ['-1.5', -2, 500_000_000],
    ['-0.5', -1, 500_000_000],
    ['-0', 0, 0],
    ['-1.000', -1, 0],
    ['-0.000000001', -1, 999_999_999],
    ['-0.0000000001', 0, 0],
  ])('reads %s', (text, sec, nsec) => {
    expect(read(paxBody({ mtime: text })).mtime).toEqual({ sec, nsec });
    expect(readTar(tar([file('f', '', { pax: { mtime: text } })]))[0]).toMatchObject({
      mtimeSec: sec,
      mtimeNsec: nsec,
    });
  });

  it.each(['1e3', '1e400', '.5', '.', '1.5.5', '1.-5', 'x', '-', '1,5', '99999999999999999999'])(
    'refuses %s',
    (text) => {
      for (const key of ['mtime', 'atime', 'ctime']) {
        expect(() => read(paxBody({ [key]: text }))).toThrow(expect.objectContaining({ code: 'TAR_INVALID' }));
      }
    },
  );

  it('reads a time that no number holds exactly as the epoch', () => {
    expect(readTar(tar([file('f', '', { pax: { mtime: '4611686018427387904.5' } })]))[0]).toMatchObject({
      mtimeSec: 0,
      mtimeNsec: 0,
    });
  });
});

describe('extended attributes', () => {
  it('keeps values byte for byte', () => {
    const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
    const odd = Buffer.from('a\0b\n=c\xff\xfe', 'latin1');
    const [found] = readTar(
      tar([
        file('ping', '', { pax: { 'SCHILY.xattr.security.capability': capability, 'SCHILY.xattr.user.odd': odd } }),
      ]),
    );
    expect(found!.xattrs).toEqual(
      new Map([
        ['security.capability', capability],
        ['user.odd', odd],
      ]),
    );
  });

  it('sets an attribute with an empty value empty', () => {
    expect(read(paxBody({ 'SCHILY.xattr.user.x': '' })).xattrs).toEqual(new Map([['user.x', Buffer.alloc(0)]]));
  });

  it('reads no other spelling of them', () => {
    expect(
      read(paxBody({ 'LIBARCHIVE.xattr.user.x': 'eA==', 'SCHILY.acl.access': 'user::rw-', 'SCHILY.fflags': 'schg' }))
        .xattrs,
    ).toBeNull();
  });

  it('refuses one without a name', () => {
    expect(outcome(tar([file('f', '', { pax: { 'SCHILY.xattr.': 'x' } })]))).toBe('TAR_INVALID');
  });

  it('belong to the next entry only', () => {
    const [first, second] = readTar(tar([pax({ 'SCHILY.xattr.user.x': '1' }), file('a'), file('b')]));
    expect([first!.xattrs?.size, second!.xattrs]).toEqual([1, null]);
  });
});

it('refuses a malformed global header too', () => {
  expect(outcome(tar([entry('g', '6 a=bc', { type: 'g' }), file('f')]))).toBe('TAR_INVALID');
});
