import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS, type LayerLimits } from '../../src/archive/limits.ts';
import { type OuterMember, writeOuterArchive } from '../../src/formats/tar-outer.ts';
import { TaskCell } from '../../src/tasks/task-cell.ts';
import type { ArchiveMember } from '../../src/tasks/task-map.ts';
import { indexArchive } from '../../workers/index-archive.ts';
import { collect } from '../support/collect.ts';
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

const directory = mkdtempSync(join(tmpdir(), 'layermill-index-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const cell = new TaskCell();
const context = { cell, warn: () => {} };
let files = 0;

function index(
  bytes: Buffer,
  limits: LayerLimits = DEFAULT_LIMITS,
  range: { offset?: number; length?: number } = {},
): ArchiveMember[] {
  const path = join(directory, String(files++));
  writeFileSync(path, bytes);
  return indexArchive({ blob: { path, ...range }, limits }, context).members;
}

/** The members as short lines: type, name, target, and the body they point to. */
function lines(bytes: Buffer): string[] {
  return index(bytes).map(({ type, name, linkname, offset, size }) => {
    const body = bytes.toString('latin1', offset, offset + size);
    return `${type} ${name}${linkname === '' ? '' : ` -> ${linkname}`}${body === '' ? '' : ` = ${body.slice(0, 20)}`}`;
  });
}

const code = (value: string): unknown => expect.objectContaining({ code: value });

describe('the index of an archive', () => {
  it('lists what there is, with the ranges of the bodies', () => {
    const bytes = tar([
      dir('d/'),
      file('d/a', 'hello'),
      file('d/empty'),
      hardlink('d/h', 'd/a'),
      symlink('s', 'd/a'),
      device('char', 'c', 1, 3),
      fifo('p'),
      file('last', 'x'.repeat(513)),
    ]);
    expect(lines(bytes)).toEqual([
      'dir d/',
      'file d/a = hello',
      'file d/empty',
      'hardlink d/h -> d/a',
      'symlink s -> d/a',
      'other c',
      'other p',
      `file last = ${'x'.repeat(20)}`,
    ]);
  });

  it('knows long names, those of pax and those of GNU', () => {
    const name = `${'n'.repeat(120)}/x`;
    const bytes = tar([
      pax({ path: name, linkpath: 'p'.repeat(150) }),
      symlink('short', 'short'),
      longName(name),
      longLink('g'.repeat(150)),
      symlink('short', 'short'),
      file('x', 'after', { prefix: 'prefix' }),
    ]);
    expect(lines(bytes)).toEqual([
      `symlink ${name} -> ${'p'.repeat(150)}`,
      `symlink ${name} -> ${'g'.repeat(150)}`,
      'file prefix/x = after',
    ]);
  });

  it('believes the size of pax for the member only, not for a header before it (CVE-2025-62518)', () => {
    const bytes = tar([
      pax({ size: '5' }),
      longName('long'),
      header('x', { size: 0 }),
      file('', 'hello').subarray(512),
      file('y', 'z'),
    ]);
    expect(lines(bytes)).toEqual(['file long = hello', 'file y = z']);
  });

  it('ignores global pax headers, and forgets what was said of one member for the next', () => {
    const bytes = tar([paxGlobal({ path: 'global' }), pax({ path: 'first' }), file('x', '1'), file('second', '2')]);
    expect(lines(bytes)).toEqual(['file first = 1', 'file second = 2']);
  });

  it('takes sparse members for others, whatever the format (I21)', () => {
    const gnu = entry('gnu', 'data', { type: 'S', magic: 'gnu' });
    const extended = Buffer.concat([
      header('extended', { type: 'S', magic: 'gnu', size: 4, patch: [{ at: 482, bytes: '\x01' }] }),
      Buffer.alloc(512).fill(1, 504, 505),
      Buffer.alloc(512),
      file('', 'data').subarray(512),
    ]);
    const bytes = tar([
      gnu,
      extended,
      pax({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0' }),
      file('p', 'data'),
      file('end', '!'),
    ]);
    expect(lines(bytes)).toEqual(['other gnu = data', 'other extended = data', 'other p = data', 'file end = !']);
  });

  it('takes a file whose name ends in a slash for a directory, as before POSIX', () => {
    expect(lines(tar([file('d/', '', { magic: 'v7' })]))).toEqual(['dir d/']);
  });

  it('does not believe the size of links and directories', () => {
    const bytes = tar([dir('d/', { size: 4096 }), symlink('s', 'x', { size: 99 }), file('f', 'ok')]);
    expect(lines(bytes)).toEqual(['dir d/', 'symlink s -> x', 'file f = ok']);
  });

  it('ends at the first zero block, at the end of the file, or without padding', () => {
    expect(lines(Buffer.concat([file('a', '1'), zeros(1), file('b', '2')]))).toEqual(['file a = 1']);
    expect(lines(tar([file('a', '1')], 0))).toEqual(['file a = 1']);
    expect(lines(tar([file('a', '1')], 0).subarray(0, 513))).toEqual(['file a = 1']);
    expect(lines(Buffer.alloc(0))).toEqual([]);
  });

  it('reads a range of a file', () => {
    const bytes = tar([file('a', 'hello')]);
    const around = Buffer.concat([Buffer.alloc(100, 1), bytes, Buffer.alloc(100, 1)]);
    const [found] = index(around, DEFAULT_LIMITS, { offset: 100, length: bytes.length });
    expect(around.toString('latin1', found!.offset, found!.offset + found!.size)).toBe('hello');
  });

  it('agrees with what tar-stream writes', async () => {
    const members: OuterMember[] = [
      { name: 'b/', content: null },
      { name: `b/${'n'.repeat(300)}`, content: Buffer.from('long') },
      { name: 'b/grün', content: Buffer.from('utf-8') },
      { name: 'a', content: Buffer.alloc(100_000, 'a') },
    ];
    const bytes = await collect((to) => writeOuterArchive(members, to));
    expect(lines(bytes)).toEqual([
      `file a = ${'a'.repeat(20)}`,
      'dir b/',
      'file b/gr\u00c3\u00bcn = utf-8',
      `file b/${'n'.repeat(300)} = long`,
    ]);
  });

  it.each([
    ['a wrong checksum', Buffer.from('x'.repeat(512)), 'TAR_INVALID'],
    ['a header that is cut', file('a').subarray(0, 300), 'TAR_TRUNCATED'],
    ['a body that is cut', file('a', 'x'.repeat(1000)).subarray(0, 900), 'TAR_TRUNCATED'],
    ['a body that is longer than the file', file('a', '', { size: 0o77777777777 }), 'TAR_TRUNCATED'],
    ['a negative size', file('a', '', { size: base256(-512n & 0xffffffffffffffffffffffffn, 12) }), 'TAR_INVALID'],
    ['a size beyond all files', file('a', '', { size: base256(2n ** 60n, 12) }), 'TAR_INVALID'],
    ['a pax record that is none', entry('x', 'rubbish', { type: 'x' }), 'TAR_INVALID'],
    ['a pax header of 2 MiB', entry('x', 'a'.repeat(2 ** 21), { type: 'x' }), 'LIMIT_EXCEEDED'],
    ['a sparse map that is cut', header('s', { type: 'S', patch: [{ at: 482, bytes: '\x01' }] }), 'TAR_TRUNCATED'],
  ])('is refused with %s', (_what, bytes, expected) => {
    expect(() => index(bytes)).toThrow(code(expected));
  });

  it('has no more members than the limit (I21)', () => {
    const bytes = tar([file('a'), file('b'), file('c')]);
    expect(index(bytes, { ...DEFAULT_LIMITS, entries: 3 })).toHaveLength(3);
    expect(() => index(bytes, { ...DEFAULT_LIMITS, entries: 2 })).toThrow(code('LIMIT_EXCEEDED'));
  });

  it('skips a body of many gigabytes', () => {
    const path = join(directory, 'huge');
    const size = 20 * 1024 ** 3;
    writeFileSync(path, header('huge', { size }));
    const after = tar([file('after', 'here')]);
    truncateSync(path, 512 + size);
    writeFileSync(path, after, { flag: 'a' });
    const { members } = indexArchive({ blob: { path }, limits: DEFAULT_LIMITS }, context);
    expect(members.map(({ name, offset, size: bytes }) => [name, offset, bytes])).toEqual([
      ['huge', 512, size],
      ['after', 512 + size + 512, 4],
    ]);
  });

  it('stops when it is cancelled', () => {
    const cancelled = new TaskCell();
    cancelled.cancel();
    const path = join(directory, 'cancelled');
    writeFileSync(path, tar([file('a')]));
    expect(() => indexArchive({ blob: { path }, limits: DEFAULT_LIMITS }, { cell: cancelled, warn: () => {} })).toThrow(
      code('CANCELLED'),
    );
  });
});
