import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { extract } from 'tar-stream';
import { afterAll, describe, expect, it } from 'vitest';
import { writeInPlace } from '../../src/formats/archive-in-place.ts';
import { layOutArchive, type OuterMember, writeOuterArchive } from '../../src/formats/tar-outer.ts';
import { collect } from '../support/collect.ts';
import { openFormatLab } from '../support/format-context.ts';

const directory = mkdtempSync(join(tmpdir(), 'layermill-outer-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const blob = join(directory, 'blob');
writeFileSync(blob, Buffer.alloc(3_000_000, 'b'));

const MEMBERS: OuterMember[] = [
  { name: 'blobs/', content: null },
  { name: 'blobs/x', content: { path: blob, size: 3_000_000 } },
  { name: 'blobs/part', content: { path: blob, offset: 10, size: 5 } },
  { name: 'blobs/none', content: { path: blob, size: 0 } },
  { name: 'a.json', content: Buffer.from('{}') },
];

async function entriesOf(
  bytes: Buffer,
): Promise<{ name: string; size: number; mode: number; mtime: number; owner: string }[]> {
  const reader = extract();
  reader.end(bytes);
  const entries = [];
  for await (const entry of reader) {
    const { name, size, mode, mtime, uid, gid } = entry.header;
    entries.push({ name, size, mode, mtime: mtime.getTime(), owner: `${uid}:${gid}` });
    for await (const _ of entry);
  }
  return entries;
}

describe('an archive of images', () => {
  it('is sorted, nobody’s and of no time, so that its bytes are the same everywhere (S9)', async () => {
    const bytes = await collect((to) => writeOuterArchive(MEMBERS, to));
    expect(await entriesOf(bytes)).toEqual([
      { name: 'a.json', size: 2, mode: 0o644, mtime: 0, owner: '0:0' },
      { name: 'blobs/', size: 0, mode: 0o755, mtime: 0, owner: '0:0' },
      { name: 'blobs/none', size: 0, mode: 0o644, mtime: 0, owner: '0:0' },
      { name: 'blobs/part', size: 5, mode: 0o644, mtime: 0, owner: '0:0' },
      { name: 'blobs/x', size: 3_000_000, mode: 0o644, mtime: 0, owner: '0:0' },
    ]);
    expect(bytes.equals(await collect((to) => writeOuterArchive(MEMBERS.toReversed(), to)))).toBe(true);
  });

  it.each([
    ['is shorter than it was said to be', 3_000_001],
    ['is missing', -1],
  ])('is not written when a blob %s', async (_what, size) => {
    const content = size < 0 ? { path: join(directory, 'missing'), size: 1 } : { path: blob, size };
    await expect(collect((to) => writeOuterArchive([{ name: 'x', content }], to))).rejects.toThrow();
  });

  describe('that many threads write at once', () => {
    const inPlace = async (members: readonly OuterMember[]): Promise<Buffer> => {
      await using lab = openFormatLab();
      const path = join(lab.context.tempDir, 'archive');
      try {
        await writeInPlace(members, path, lab.context);
        return readFileSync(path);
      } finally {
        rmSync(path);
      }
    };

    it('has the same bytes', async () => {
      const members = [
        ...MEMBERS,
        { name: `long/${'n'.repeat(150)}/é`, content: { path: blob, offset: 7, size: 1025 } },
        { name: 'blobs/block', content: { path: blob, size: 1024 } },
      ];
      expect((await inPlace(members)).equals(await collect((to) => writeOuterArchive(members, to)))).toBe(true);
      expect((await inPlace([])).equals(await collect((to) => writeOuterArchive([], to)))).toBe(true);
    });

    it('knows the headers of blobs that are larger than a tar can say in its eleven digits', async () => {
      const size = 9 * 1024 ** 3;
      const { bytes, blobs, size: whole } = await layOutArchive([{ name: 'large', content: { path: blob, size } }]);
      const head = Buffer.concat(bytes.map(({ content }) => content));
      expect(blobs[0]!.at).toBe(head.length);
      expect(whole).toBe(head.length + size + 1024);
      const reader = extract();
      const found = once(reader, 'entry');
      reader.write(head);
      const [entry] = (await found) as [{ size: number }];
      expect(entry.size).toBe(size);
    });

    it('is given up when a blob is shorter than it was said to be', async () => {
      const members = [{ name: 'x', content: { path: blob, size: 3_000_001 } }, ...MEMBERS];
      await expect(inPlace(members)).rejects.toMatchObject({ code: 'SIZE_MISMATCH' });
    });
  });

  it('stops when whoever takes it fails', async () => {
    const failing = (to: Writable): Promise<void> =>
      writeOuterArchive(
        Array.from({ length: 20 }, (_, index) => ({ ...MEMBERS[1]!, name: `${index}` })),
        to,
      );
    const to = new Writable({ write: (_chunk, _encoding, done) => done(new Error('no room')) });
    await expect(failing(to)).rejects.toThrow('no room');
  });

  it('stops when it is aborted', async () => {
    const aborter = new AbortController();
    const slow = new Writable({
      write: (_chunk, _encoding, done) => {
        aborter.abort();
        setImmediate(done);
      },
    });
    await expect(writeOuterArchive(MEMBERS, slow, aborter.signal)).rejects.toMatchObject({ name: 'AbortError' });
  });
});
