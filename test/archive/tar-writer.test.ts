import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { EntryType } from '../../src/archive/tar-entry.ts';
import { writeEnd, writeHeader, writePadding, type WrittenEntry } from '../../src/archive/tar-writer.ts';
import { readTar } from '../support/read-tar.ts';
import { type Random, seeded } from '../support/random.ts';

const GO = new URL('../../../shared/corpus/vbatts_tar-split/archive/tar/testdata/', import.meta.url);
const hasGo = existsSync(GO);
const hasGnuTar = spawnSync('tar', ['--version']).stdout?.toString().includes('GNU tar') ?? false;

const PLAIN: WrittenEntry = {
  name: 'f',
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtimeSec: 0,
  linkname: '',
  devMajor: 0,
  devMinor: 0,
  xattrs: null,
};

function written(fields: Partial<WrittenEntry>, body: Buffer = Buffer.alloc(0)): Buffer {
  const chunks: Buffer[] = [];
  const sink = (chunk: Buffer): void => void chunks.push(Buffer.from(chunk));
  writeHeader({ ...PLAIN, size: body.length, ...fields }, sink);
  sink(body);
  writePadding(body.length, sink);
  return Buffer.concat(chunks);
}

function ended(...pieces: Buffer[]): Buffer {
  const chunks: Buffer[] = [...pieces];
  writeEnd((chunk) => void chunks.push(Buffer.from(chunk)));
  return Buffer.concat(chunks);
}

const isPlain = (fields: Partial<WrittenEntry>): boolean => written(fields).length === 512;

describe('ustar', () => {
  it('writes each field in octal, with nothing that depends on machine or day', () => {
    const block = written(
      { name: 'bin/su', mode: 0o104755, uid: 1000, gid: 2_097_151, mtimeSec: 1_234_567_890 },
      Buffer.from('x'),
    );
    expect(block.length).toBe(1024);
    const field = (at: number, width: number): string => block.toString('latin1', at, at + width);
    expect(field(0, 7)).toBe('bin/su\0');
    expect(field(100, 48)).toBe('0004755\x000001750\x007777777\x0000000000001\x0011145401322\0');
    expect(field(148, 9)).toMatch(/^[0-7]{6}\0 0$/);
    expect(field(257, 8)).toBe('ustar\x0000');
    expect(field(265, 64)).toBe('\0'.repeat(64));
    expect(field(329, 16)).toBe('0000000\x000000000\0');
  });

  it('ends with two zero blocks and no record padding', () => {
    expect(ended()).toEqual(Buffer.alloc(1024));
  });

  it.each<[EntryType, string]>([
    ['file', '0'],
    ['hardlink', '1'],
    ['symlink', '2'],
    ['char', '3'],
    ['block', '4'],
    ['dir', '5'],
    ['fifo', '6'],
  ])('writes %s as type %s', (type, flag) => {
    expect(written({ type }).toString('latin1', 156, 157)).toBe(flag);
  });

  it('splits long names at a slash when that is enough', () => {
    const split = (name: string): unknown => {
      const block = written({ name });
      if (block.length !== 512) return 'pax';
      const text = (at: number, width: number): string => block.toString('latin1', at, at + width).replace(/\0+$/, '');
      return [text(345, 155).length, text(0, 100).length];
    };
    expect(split('n'.repeat(100))).toEqual([0, 100]);
    expect(split('n'.repeat(101))).toBe('pax');
    expect(split(`d/${'n'.repeat(100)}`)).toEqual([1, 100]);
    expect(split(`${'d'.repeat(155)}/${'n'.repeat(100)}`)).toEqual([155, 100]);
    expect(split(`${'d'.repeat(156)}/${'n'.repeat(100)}`)).toBe('pax');
    expect(split(`${'d/'.repeat(60)}`)).toEqual([117, 2]);
    expect(split(`/${'n'.repeat(100)}`)).toBe('pax');
    expect(split(`${'d'.repeat(60)}/${'n'.repeat(60)}\xe9`)).toBe('pax');
  });

  it('needs a pax header only for what does not fit', () => {
    expect(isPlain({ uid: 2_097_151, gid: 2_097_151, size: 8 * 1024 ** 3 - 1, mtimeSec: 8_589_934_591 })).toBe(true);
    expect(isPlain({ linkname: 'l'.repeat(100) })).toBe(true);
    expect(isPlain({ xattrs: new Map() })).toBe(true);
    expect(isPlain({ uid: 2_097_152 })).toBe(false);
    expect(isPlain({ gid: 2_097_152 })).toBe(false);
    expect(isPlain({ size: 8 * 1024 ** 3 })).toBe(false);
    expect(isPlain({ mtimeSec: 8_589_934_592 })).toBe(false);
    expect(isPlain({ mtimeSec: -1 })).toBe(false);
    expect(isPlain({ linkname: 'l'.repeat(101) })).toBe(false);
    expect(isPlain({ linkname: '\xff' })).toBe(false);
    expect(isPlain({ name: 'caf\xe9' })).toBe(false);
  });
});

describe('pax', () => {
  it('sorts the records by key and names the header after the file', () => {
    const block = written({
      name: 'dir/f',
      uid: 3_000_000,
      linkname: 'l'.repeat(101),
      xattrs: new Map([
        ['user.b', Buffer.from('2')],
        ['user.a', Buffer.from('1')],
      ]),
    });
    expect(block.toString('latin1', 0, 19)).toBe('dir/PaxHeaders.0/f\0');
    const length = Number.parseInt(block.toString('latin1', 124, 135), 8);
    const keys = block
      .toString('latin1', 512, 512 + length)
      .split('\n')
      .map((record) => /^\d+ ([^=]+)=/.exec(record)?.[1]);
    expect(keys).toEqual(['SCHILY.xattr.user.a', 'SCHILY.xattr.user.b', 'linkpath', 'uid', undefined]);
  });

  it('writes the whole name when another field needs the pax header', () => {
    const name = `${'d'.repeat(80)}/${'n'.repeat(80)}`;
    expect(readTar(ended(written({ name, uid: 3_000_000 })))[0]!.name).toBe(name);
    expect(written({ name, uid: 3_000_000 }).toString('latin1', 512)).toContain(`path=${name}\n`);
  });

  it('leaves no slash at the end of a cut name: old readers would make a directory of the file', () => {
    const block = written({ name: `${'d'.repeat(99)}/${'n'.repeat(120)}` });
    expect(block.subarray(1024).toString('latin1', 0, 100)).toBe(`${'d'.repeat(99)}\0`);
  });
});

const textOf = (random: Random, most: number): string => {
  const alphabet = random.chance(0.7) ? 'abc/' : 'a/\xe9\xff\n\x01';
  const text = Array.from({ length: 1 + random.below(most) }, () =>
    alphabet.charAt(random.below(alphabet.length)),
  ).join('');
  return text.replace(/^\/+|\/+$/g, '') || 'x';
};

function randomEntry(random: Random): WrittenEntry {
  const type = random.pick<EntryType>(['file', 'hardlink', 'symlink', 'char', 'dir', 'fifo']);
  const isLink = type === 'hardlink' || type === 'symlink';
  const large = random.chance(0.3);
  return {
    name: textOf(random, random.pick([20, 100, 300])) + (type === 'dir' ? '/' : ''),
    type,
    mode: random.below(0o10000),
    uid: large ? 4294967294 - random.below(10) : random.below(2_097_152),
    gid: random.below(4_000_000),
    size: 0,
    mtimeSec: large ? -random.below(1e9) : random.below(1e10),
    linkname: isLink ? textOf(random, random.pick([20, 200])) : '',
    devMajor: type === 'char' ? random.below(4096) : 0,
    devMinor: type === 'char' ? random.below(1048576) : 0,
    xattrs: large ? new Map([['user.x', random.bytes(random.below(200))]]) : null,
  };
}

describe('what is written', () => {
  it.each(Array.from({ length: 20 }, (_, i) => i))('is read back as it was (seed %d)', (seed) => {
    const random = seeded(seed);
    const entries = Array.from({ length: 20 }, () => randomEntry(random));
    const found = readTar(ended(...entries.map((one) => written(one))));
    expect(found).toMatchObject(entries);
    expect(ended(...entries.map((one) => written(one)))).toEqual(ended(...entries.map((one) => written(one))));
  });

  it.skipIf(!hasGnuTar)('is listed by GNU tar under the same names (skipped without it)', () => {
    const random = seeded(99);
    const entries = Array.from({ length: 50 }, () => ({ ...randomEntry(random), xattrs: null }));
    const list = spawnSync('tar', ['-t', '--quoting-style=literal', '-f', '-'], {
      input: ended(...entries.map((one) => written(one))),
      env: { LC_ALL: 'C' },
    });
    expect(list.status).toBe(0);
    expect(list.stdout.toString('latin1')).toBe(entries.map(({ name }) => `${name}\n`).join(''));
  });
});

describe.skipIf(!hasGo)('the bytes of archive/tar (skipped without ../shared)', () => {
  const owner = (block: Buffer, name: string, group: string): Buffer => {
    const named = Buffer.from(block);
    named.write(name, 265, 'latin1');
    named.write(group, 297, 'latin1');
    named.fill(' ', 148, 156);
    let sum = 0;
    for (const byte of named) sum += byte;
    named.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    return named;
  };

  it('for a file that needs pax', () => {
    const expected = readFileSync(new URL('writer-big-long.tar', GO));
    const ours = written({
      name: `${'longname/'.repeat(15)}16gig.txt`,
      mode: 0o644,
      uid: 1000,
      gid: 1000,
      size: 16 * 1024 ** 3,
      mtimeSec: 1399583047,
    });
    expect(ours.subarray(0, 1024)).toEqual(expected.subarray(0, 1024));
    expect(owner(ours.subarray(1024), 'guillaume', 'guillaume')).toEqual(expected.subarray(1024));
  });

  it('for a name in two parts', () => {
    const expected = readFileSync(new URL('ustar.tar', GO));
    const ours = written({
      name: `${'longname/'.repeat(15)}file.txt`,
      mode: 0o644,
      uid: 0o765,
      gid: 0o24,
      size: 6,
      mtimeSec: 0o12104402656,
    });
    expect(owner(ours, 'shane', 'staff')).toEqual(expected.subarray(0, 512));
  });
});
