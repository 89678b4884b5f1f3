import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { extract } from 'tar-stream';
import { isEngineError } from '../../src/errors/kinds.ts';
import { outcome, readTar } from '../support/read-tar.ts';
import { type Random, seeded } from '../support/random.ts';
import { dir, entry, file, hardlink, longName, pax, paxGlobal, symlink, tar, zeros } from '../support/tar-fixture.ts';

const CORPUS = new URL('../../../shared/corpus/', import.meta.url);
const hasCorpus = existsSync(new URL('INDEX.tsv', CORPUS));
const hasGnuTar = spawnSync('tar', ['--version']).stdout?.toString().includes('GNU tar') ?? false;
const hasPython = spawnSync('python3', ['-c', 'import tarfile']).status === 0;

/** A well-formed tar of every kind of entry that all readers understand alike. */
function randomTar(random: Random): Buffer {
  const name = (): string =>
    Array.from({ length: 1 + random.below(3) }, () => 'n'.repeat(1 + random.below(60)) + random.below(1000)).join('/');
  const pieces = Array.from({ length: 1 + random.below(12) }, () => {
    const fields = { uid: random.below(5_000_000), mtime: random.below(2 ** 31), mode: random.below(0o10000) };
    const path = name();
    switch (random.below(5)) {
      case 0:
        return dir(`${path.slice(0, 90)}/`, fields);
      case 1:
        return symlink(path.slice(0, 90), name().slice(0, 90), fields);
      case 2:
        return file('short', random.bytes(random.below(2000)), { ...fields, longName: path });
      case 3:
        return file('short', random.bytes(random.below(2000)), {
          ...fields,
          pax: { path, mtime: `${random.below(2 ** 31)}.${random.below(1e9)}` },
        });
      default:
        return file(path.slice(0, 100), random.bytes(random.below(2000)), fields);
    }
  });
  return tar(pieces, random.pick([2, 20]));
}

describe('chunks', () => {
  it.each([1, 2, 3, 4, 5])('of any size give the same entries (seed %d)', (seed) => {
    const random = seeded(seed);
    const bytes = randomTar(random);
    const whole = readTar(bytes);
    for (const chunk of [1, 7, 511, 512, 513, 1024, 1 + random.below(3000)]) {
      expect(readTar(bytes, { chunk })).toEqual(whole);
    }
  });
});

describe('damage', () => {
  it.each(Array.from({ length: 40 }, (_, i) => i))('never leads to anything but an error of ours (seed %d)', (seed) => {
    const random = seeded(1000 + seed);
    for (let round = 0; round < 25; round += 1) {
      const bytes = Buffer.from(randomTar(random));
      for (let flips = 0; flips <= random.below(6); flips += 1) bytes[random.below(bytes.length)] = random.below(256);
      // With its checksum made right again, a header's damage gets further.
      if (random.chance(0.7)) repairChecksums(bytes);
      const cut = random.chance(0.2) ? bytes.subarray(0, random.below(bytes.length)) : bytes;
      const one = outcome(cut);
      expect(outcome(cut, { chunk: 1 + random.below(700) })).toEqual(one);
    }
  });
});

function repairChecksums(bytes: Buffer): void {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    if (bytes.toString('latin1', at + 257, at + 262) !== 'ustar') continue;
    bytes.fill(' ', at + 148, at + 156);
    let sum = 0;
    for (let i = at; i < at + 512; i += 1) sum += bytes[i]!;
    bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1');
  }
}

describe('other readers agree', () => {
  it.each([11, 12, 13, 14, 15, 16])('tar-stream on well-formed tars (seed %d)', async (seed) => {
    const bytes = randomTar(seeded(seed));
    const theirs: unknown[] = [];
    const extraction = extract();
    extraction.end(bytes);
    for await (const found of extraction) {
      const chunks: Buffer[] = [];
      for await (const chunk of found) chunks.push(chunk as Buffer);
      const { name, type, mode, uid, linkname } = found.header;
      theirs.push({
        name: name.replace(/\/$/, ''),
        type: type === 'directory' ? 'dir' : type,
        mode,
        uid,
        linkname: linkname ?? '',
        data: Buffer.concat(chunks),
      });
    }
    const ours = readTar(bytes).map(({ name, type, mode, uid, linkname, data }) => ({
      name: name.replace(/\/$/, ''),
      type,
      mode,
      uid,
      linkname,
      data,
    }));
    expect(ours).toEqual(theirs);
  });

  it.skipIf(!hasGnuTar)('GNU tar on well-formed tars (skipped without it)', () => {
    for (let seed = 21; seed < 27; seed += 1) {
      const bytes = randomTar(seeded(seed));
      const listing = spawnSync('tar', ['-tf', '-'], { input: bytes, env: { LC_ALL: 'C' } });
      expect(listing.stdout.toString('latin1').split('\n').slice(0, -1)).toEqual(
        readTar(bytes).map((found) => found.name),
      );
    }
  });

  it.skipIf(!hasPython)('python tarfile on sizes, times and names (skipped without it)', () => {
    const script = `
import sys, io, tarfile
for m in tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read()), encoding='latin1'):
    print(m.name.rstrip('/'), m.size, m.uid, int(float(m.pax_headers.get('mtime', m.mtime)) // 1), sep='\\t')`;
    for (let seed = 31; seed < 34; seed += 1) {
      const bytes = randomTar(seeded(seed));
      const listing = spawnSync('python3', ['-c', script], {
        input: bytes,
        env: { ...process.env, PYTHONIOENCODING: 'latin1' },
      });
      const ours = readTar(bytes).map(({ name, size, uid, mtimeSec }) =>
        [name.replace(/\/$/, ''), size, uid, mtimeSec].join('\t'),
      );
      expect(listing.stdout.toString('latin1').split('\n').slice(0, -1)).toEqual(ours);
    }
  });
});

/** Where readers disagree, Go decides: these are the answers of its reader. */
describe('where readers disagree', () => {
  const size = pax({ size: '1536' });
  const inner = Buffer.concat([file('inner', 'x'), Buffer.alloc(512)]);
  it.each<[string, Buffer, string | string[]]>([
    ['a global path', tar([paxGlobal({ path: 'evil' }), file('good')]), ['good']],
    ['a path in an earlier pax header', tar([pax({ path: 'a' }), pax({ comment: 'c' }), file('b')]), ['b']],
    ['a pax path and a long name', tar([pax({ path: 'p' }), longName('l'), file('h')]), ['l']],
    ['a size that only pax tells', tar([size, file('a', '', { size: 0, padding: inner })]), ['a']],
    ['one zero block', tar([file('a'), zeros(1), file('b')]), 'TAR_INVALID'],
    ['two zero blocks', tar([file('a'), zeros(2), file('b')]), ['a']],
    ['an empty pax path', tar([pax({ path: '' }), file('h')]), ['h']],
    ['a NUL in a pax path', tar([pax({ path: 'a\0b' }), file('h')]), 'TAR_INVALID'],
    ['a hard link with a size', tar([file('a'), hardlink('b', 'a', { size: 512 }), file('c')]), ['a', 'b', 'c']],
    [
      'a hard link with a body',
      tar([hardlink('b', 'a', { size: 512 }), Buffer.alloc(512, 'x'), file('c')]),
      'TAR_INVALID',
    ],
    ['a file with a slash', tar([file('d/', 'data')]), ['d/']],
    ['a contiguous file', tar([entry('c', 'data', { type: '7' })]), ['c']],
    ['a trailing pax header', tar([file('a'), pax({ path: 'b' })]), ['a']],
  ])('%s', (_, bytes, expected) => {
    expect(outcome(bytes)).toEqual(expected);
  });
});

describe.skipIf(!hasCorpus)('the corpus (skipped without ../shared)', () => {
  const rows = hasCorpus
    ? readFileSync(new URL('INDEX.tsv', CORPUS), 'utf8')
        .split('\n')
        .slice(1)
        .map((line) => line.split('\t'))
        .filter((row) => ['tar-edge-case', 'hostile', 'layer-tar'].includes(row[7] ?? ''))
    : [];

  /** The plain tar, or null for other compressions. */
  const load = (path: string): Buffer | null => {
    const bytes = readFileSync(new URL(path.split('/').map(encodeURIComponent).join('/'), CORPUS));
    if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
    try {
      return gunzipSync(bytes);
    } catch {
      return null;
    }
  };

  it('reads every archive, or says in one of our errors why not', () => {
    let read = 0;
    for (const [path] of rows) {
      const bytes = load(path!);
      if (bytes === null) continue;
      try {
        readTar(bytes, { chunk: 1000 });
        read += 1;
      } catch (error) {
        expect(isEngineError(error) ? null : error, path).toBeNull();
      }
    }
    expect(read).toBeGreaterThan(150);
  });

  it.each<[string, string | string[]]>([
    ['vbatts_tar-split/archive/tar/testdata/gnu.tar', ['small.txt', 'small2.txt']],
    ['vbatts_tar-split/archive/tar/testdata/star.tar', ['small.txt', 'small2.txt']],
    ['vbatts_tar-split/archive/tar/testdata/v7.tar', ['small.txt', 'small2.txt']],
    ['vbatts_tar-split/archive/tar/testdata/pax-multi-hdrs.tar', ['bar']],
    ['vbatts_tar-split/archive/tar/testdata/gnu-multi-hdrs.tar', ['GNU2/GNU2/long-path-name']],
    ['vbatts_tar-split/archive/tar/testdata/pax-pos-size-file.tar', ['foo']],
    ['vbatts_tar-split/archive/tar/testdata/neg-size.tar', 'TAR_INVALID'],
    ['vbatts_tar-split/archive/tar/testdata/issue10968.tar', 'TAR_INVALID'],
    ['vbatts_tar-split/archive/tar/testdata/issue11169.tar', 'TAR_INVALID'],
    ['vbatts_tar-split/archive/tar/testdata/issue12435.tar', 'TAR_INVALID'],
    ['vbatts_tar-split/archive/tar/testdata/pax-bad-hdr-file.tar', 'TAR_INVALID'],
    ['vbatts_tar-split/archive/tar/testdata/pax-bad-mtime-file.tar', 'TAR_INVALID'],
    ['vbatts_tar-split/archive/tar/testdata/pax-nul-path.tar', 'TAR_INVALID'],
    ['vbatts_tar-split/archive/tar/testdata/gnu-incremental.tar', 'ENTRY_TYPE_INVALID'],
    ['vbatts_tar-split/archive/tar/testdata/writer-big.tar', 'TAR_TRUNCATED'],
    ['libarchive_libarchive/libarchive/test/test_read_format_tar_pax_g_large.tar', 'LIMIT_EXCEEDED'],
  ])('%s: %j', (path, expected) => {
    const bytes = load(path)!;
    expect(outcome(bytes)).toEqual(expected);
  });

  it('reads the headers that have no body as Go does', () => {
    const found = readTar(load('vbatts_tar-split/archive/tar/testdata/hdr-only.tar')!);
    expect(found).toHaveLength(16);
    expect(found.filter(({ size }) => size > 0).every(({ type }) => type === 'file')).toBe(true);
  });

  it('reads every form of sparse file alike', () => {
    const found = readTar(load('vbatts_tar-split/archive/tar/testdata/sparse-formats.tar')!);
    const sparse = found.filter((one) => one.sparse !== null);
    expect(found.map(({ name }) => name)).toEqual([
      'sparse-gnu',
      'sparse-posix-0.0',
      'sparse-posix-0.1',
      'sparse-posix-1.0',
      'end',
    ]);
    expect(sparse).toHaveLength(4);
    const stored = (one: (typeof sparse)[number]): Buffer => one.data.subarray(one.sparse!.mapBytes);
    for (const one of sparse) {
      expect(one.sparse!.runs).toEqual(sparse[0]!.sparse!.runs);
      expect(one.sparse!.logicalSize).toBe(200);
      expect(stored(one)).toEqual(stored(sparse[0]!));
    }
  });
});
