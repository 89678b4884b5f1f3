import { describe, expect, it } from 'vitest';
import { outcome, readTar } from '../support/read-tar.ts';
import { base256, entry, file, header, type PaxFields, tar } from '../support/tar-fixture.ts';

type Run = [offset: number, length: number];

const octal = (value: number): Buffer => Buffer.from(`${value.toString(8).padStart(11, '0')}\0`);

/** An old GNU sparse header with its extension blocks, and the stored bytes. */
function gnuSparse(
  runs: Run[],
  realSize: number | Buffer,
  stored: string,
  options: { size?: number; endless?: boolean } = {},
): Buffer {
  const pair = ([offset, length]: Run): Buffer => Buffer.concat([octal(offset), octal(length)]);
  const inHeader = Buffer.alloc(4 * 24);
  Buffer.concat(runs.slice(0, 4).map(pair)).copy(inHeader);
  const blocks: Buffer[] = [];
  for (let at = 4; at < runs.length; at += 21) {
    const block = Buffer.alloc(512);
    Buffer.concat(runs.slice(at, at + 21).map(pair)).copy(block);
    block[504] = at + 21 < runs.length || options.endless === true ? 1 : 0;
    blocks.push(block);
  }
  const extended = Buffer.from([runs.length > 4 ? 1 : 0]);
  const head = header('sparse', {
    type: 'S',
    magic: 'gnu',
    size: options.size ?? stored.length,
    patch: [
      { at: 386, bytes: inHeader },
      { at: 482, bytes: extended },
      { at: 483, bytes: typeof realSize === 'number' ? octal(realSize) : realSize },
    ],
  });
  const padding = Buffer.alloc(-stored.length & 511);
  return Buffer.concat([head, ...blocks, Buffer.from(stored), padding]);
}

function withMap(map: string, stored: string): Buffer {
  return Buffer.concat([Buffer.from(map), Buffer.alloc(-map.length & 511), Buffer.from(stored)]);
}

const V1 = {
  'GNU.sparse.major': '1',
  'GNU.sparse.minor': '0',
  'GNU.sparse.name': 'real',
  'GNU.sparse.realsize': '100',
};

describe('old GNU form', () => {
  it('reads the runs in the header', () => {
    const [found] = readTar(
      tar([
        gnuSparse(
          [
            [0, 3],
            [10, 2],
          ],
          20,
          'abcde',
        ),
        file('after'),
      ]),
    );
    expect(found).toMatchObject({
      type: 'file',
      size: 5,
      data: Buffer.from('abcde'),
      sparse: {
        runs: [
          { offset: 0, length: 3 },
          { offset: 10, length: 2 },
        ],
        logicalSize: 20,
        mapBytes: 0,
      },
    });
  });

  it.each([5, 25, 26, 60])('reads %d runs over extension blocks, whatever the chunks', (count) => {
    const runs = Array.from({ length: count }, (_, i): Run => [2 * i, 1]);
    const bytes = tar([gnuSparse(runs, 2 * count, 'x'.repeat(count)), file('after')]);
    for (const chunk of [1, 511, 512, 513, 65536]) {
      const [found, after] = readTar(bytes, { chunk });
      expect(found!.sparse!.runs).toEqual(runs.map(([offset, length]) => ({ offset, length })));
      expect(after!.name).toBe('after');
    }
  });

  it('is refused in a header that is not GNU: star means something else by the same letter', () => {
    expect(outcome(tar([entry('s', '', { type: 'S' })]))).toBe('TAR_INVALID');
    expect(outcome(tar([entry('s', '', { type: 'S', magic: 'star' })]))).toBe('TAR_INVALID');
  });

  it('ends at a limit when extension blocks never do', () => {
    const runs = Array.from({ length: 100 }, (_, i): Run => [i, 1]);
    const bytes = Buffer.concat([gnuSparse(runs, 200, '', { size: 100, endless: true })]);
    expect(outcome(bytes, { limits: { metaBytes: 1024 } })).toBe('LIMIT_EXCEEDED');
    expect(outcome(bytes)).toBe('TAR_TRUNCATED');
  });
});

describe('pax forms', () => {
  it('reads 0.0: repeated offsets and lengths in order', () => {
    const pax: PaxFields = [
      ['GNU.sparse.size', '50'],
      ['GNU.sparse.numblocks', '2'],
      ['GNU.sparse.offset', '1'],
      ['GNU.sparse.numbytes', '2'],
      ['GNU.sparse.offset', '40'],
      ['GNU.sparse.numbytes', '1'],
    ];
    expect(readTar(tar([file('f', 'abc', { pax })]))[0]).toMatchObject({
      name: 'f',
      sparse: {
        runs: [
          { offset: 1, length: 2 },
          { offset: 40, length: 1 },
        ],
        logicalSize: 50,
        mapBytes: 0,
      },
    });
    expect(outcome(tar([file('f', 'abc', { pax: pax.toReversed() })]))).toBe('TAR_INVALID');
  });

  it('reads 0.1: a list', () => {
    const pax = {
      'GNU.sparse.size': '50',
      'GNU.sparse.numblocks': '2',
      'GNU.sparse.map': '1,2,40,1',
      'GNU.sparse.name': 'real',
    };
    expect(readTar(tar([file('GNUSparseFile.1/f', 'abc', { pax })]))[0]).toMatchObject({
      name: 'real',
      sparse: {
        runs: [
          { offset: 1, length: 2 },
          { offset: 40, length: 1 },
        ],
        logicalSize: 50,
      },
    });
    expect(outcome(tar([file('f', 'abc', { pax: { ...pax, 'GNU.sparse.numblocks': '3' } })]))).toBe('TAR_INVALID');
    expect(outcome(tar([file('f', 'abc', { pax: { ...pax, 'GNU.sparse.map': '1,2,x,1' } })]))).toBe('TAR_INVALID');
  });

  it('reads 1.0: the map is the start of the body, and stays in it', () => {
    const body = withMap('2\n0\n3\n98\n2\n', 'abcde');
    for (const chunk of [1, 512, 700, 65536]) {
      const [found, after] = readTar(tar([file('GNUSparseFile.1/f', body, { pax: V1 }), file('after')]), { chunk });
      expect(found).toMatchObject({
        name: 'real',
        size: body.length,
        data: body,
        sparse: {
          runs: [
            { offset: 0, length: 3 },
            { offset: 98, length: 2 },
          ],
          logicalSize: 100,
          mapBytes: 512,
        },
      });
      expect(after!.name).toBe('after');
    }
  });

  it('reads a map of many blocks, numbers cut by their edges', () => {
    const runs = Array.from({ length: 300 }, (_, i): Run => [1000 * i, 1]);
    const map = `300\n${runs.map(([offset, length]) => `${offset}\n${length}\n`).join('')}`;
    const pax = { ...V1, 'GNU.sparse.realsize': '300000' };
    const [found] = readTar(tar([file('f', withMap(map, 'x'.repeat(300)), { pax })]));
    expect(found!.sparse!.runs.at(-1)).toEqual({ offset: 299000, length: 1 });
    expect(found!.sparse!.mapBytes).toBe(Math.ceil(map.length / 512) * 512);
  });

  it('reads a file that is one hole', () => {
    expect(readTar(tar([file('f', withMap('0\n', ''), { pax: V1 })]))[0]!.sparse).toEqual({
      runs: [],
      logicalSize: 100,
      mapBytes: 512,
    });
  });

  it.each([
    ['a count that is never reached', '9999999999\n1\n1\n', 'TAR_INVALID'],
    ['no number', 'x\n', 'TAR_INVALID'],
    ['a negative number', '1\n-5\n5\n', 'TAR_INVALID'],
    ['an empty line', '1\n\n5\n', 'TAR_INVALID'],
    ['no newline', '1'.repeat(600), 'TAR_INVALID'],
  ])('refuses a map with %s', (_, map, code) => {
    expect(outcome(tar([file('f', withMap(map, 'abcde'), { pax: V1 })]))).toBe(code);
  });

  it('refuses a map that outgrows the limit before reading all of it', () => {
    const body = Buffer.from('1\n'.repeat(10_000));
    expect(outcome(tar([file('f', body, { pax: V1 })]), { limits: { metaBytes: 1024 } })).toBe('TAR_INVALID');
    const pax = { ...V1, 'GNU.sparse.realsize': '30000' };
    const many = Buffer.from(`20000\n${'1\n'.repeat(40_000)}`);
    expect(outcome(tar([file('f', many, { pax })]), { limits: { metaBytes: 1024 } })).toBe('LIMIT_EXCEEDED');
  });

  it('reads a version that nobody defined as a plain file', () => {
    const pax = {
      'GNU.sparse.major': '2',
      'GNU.sparse.minor': '0',
      'GNU.sparse.name': 'real',
      'GNU.sparse.map': '0,1',
    };
    expect(readTar(tar([file('plain', 'data', { pax })]))[0]).toMatchObject({ name: 'plain', size: 4, sparse: null });
  });

  it('is refused for anything but a file', () => {
    expect(outcome(tar([entry('d', '', { type: '5', pax: V1 })]))).toBe('TAR_INVALID');
  });
});

describe('maps that lie', () => {
  it.each<[string, Run[], number | Buffer, string]>([
    [
      'overlap',
      [
        [0, 3],
        [2, 2],
      ],
      20,
      'abcde',
    ],
    [
      'descend',
      [
        [10, 3],
        [0, 2],
      ],
      20,
      'abcde',
    ],
    [
      'go beyond the size',
      [
        [0, 3],
        [19, 2],
      ],
      20,
      'abcde',
    ],
    [
      'hold more than is stored',
      [
        [0, 3],
        [10, 3],
      ],
      20,
      'abcde',
    ],
    ['hold less than is stored', [[0, 3]], 20, 'abcde'],
    ['are of a negative size', [[0, 5]], base256(-1, 12), 'abcde'],
  ])('are refused: runs that %s', (_, runs, size, stored) => {
    expect(outcome(tar([gnuSparse(runs, size, stored)]))).toBe('TAR_INVALID');
  });

  it('are refused: a file larger than a layer may be, in 600 bytes', () => {
    expect(outcome(tar([gnuSparse([[0, 1]], base256(2n ** 62n, 12), 'x')]))).toBe('LIMIT_EXCEEDED');
    expect(outcome(tar([gnuSparse([[0, 1]], 5000, 'x')]), { limits: { layerBytes: 4999 } })).toBe('LIMIT_EXCEEDED');
  });
});
