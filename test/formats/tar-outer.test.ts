import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { extract } from 'tar-stream';
import { afterAll, describe, expect, it } from 'vitest';
import { type OuterMember, writeOuterArchive } from '../../src/formats/tar-outer.ts';
import { collect } from '../support/collect.ts';

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
