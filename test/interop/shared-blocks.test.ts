import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256Digest } from '../../src/identity/digest.ts';
import type { TaskPool } from '../../src/tasks/task-pool.ts';
import { codeOf } from '../support/code-of.ts';
import { missing } from '../support/programs.ts';
import { inlinePool } from '../support/test-store.ts';

const absent = missing(['mkfs.xfs', 'mount', 'umount']);
const reason = process.geteuid?.() === 0 ? absent.map((program) => `no ${program}`).join(', ') : 'needs root';
if (reason !== '') console.log(`skipped: blobs on a file system that shares blocks: ${reason}`);

const BYTES = Buffer.alloc(40 * 1024 ** 2, 'a kept blob');

/** Bytes in use on the file system that holds `path`. */
function usedOn(path: string): number {
  const [, used] = execFileSync('df', ['--block-size=1', '--output=used', path], { encoding: 'utf8' })
    .trim()
    .split('\n');
  return Number(used);
}

describe.skipIf(reason !== '')('a blob on a file system that shares blocks (xfs)', () => {
  let work: string;
  let there: string;
  let blob: string;
  let pool: TaskPool;
  const digest = sha256Digest(BYTES);

  beforeAll(() => {
    work = mkdtempSync(join(tmpdir(), 'layermill-xfs-'));
    there = join(work, 'mounted');
    blob = join(there, 'blob');
    pool = inlinePool();
    mkdirSync(there);
    writeFileSync(join(work, 'image'), '');
    truncateSync(join(work, 'image'), 400 * 1024 ** 2);
    execFileSync('mkfs.xfs', ['-q', join(work, 'image')]);
    execFileSync('mount', ['-o', 'loop', join(work, 'image'), there]);
    // set-id bits and all: a copy in the store has the mode of its own files
    writeFileSync(blob, BYTES);
    chmodSync(blob, 0o4755);
    execFileSync('sync', ['-f', there]);
  });
  afterAll(async () => {
    await pool.close();
    spawnSync('umount', [there]);
    rmSync(work, { recursive: true });
  });

  it('is copied without taking room, and checked', async () => {
    const before = usedOn(there);
    const to = join(there, 'copy');
    expect(await pool.run('blob.copy', { blob: { path: blob, digest }, to })).toEqual({ digest, size: BYTES.length });
    expect(readFileSync(to).equals(BYTES)).toBe(true);
    expect(statSync(to).mode & 0o7777).toBe(0o600);
    execFileSync('sync', ['-f', there]);
    expect(usedOn(there) - before).toBeLessThan(1024 ** 2);
  });

  it('is refused when it is another one, and nothing stays', async () => {
    const to = join(there, 'wrong');
    const wrong = sha256Digest('another');
    expect(await codeOf(pool.run('blob.copy', { blob: { path: blob, digest: wrong }, to }))).toBe('DIGEST_MISMATCH');
    expect(statSync(to, { throwIfNoEntry: false })).toBeUndefined();
  });

  it('is copied in part as bytes', async () => {
    const to = join(there, 'part');
    await pool.run('blob.copy', { blob: { path: blob, offset: 5, length: 100 }, to });
    expect(readFileSync(to).equals(BYTES.subarray(5, 105))).toBe(true);
  });
});
