import { closeSync, mkdtempSync, openSync, rmSync, symlinkSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readBolt } from '../../../src/formats/docker-root/containerd/bolt-file.ts';
import { boltMeta, writeBolt } from '../../support/bolt-writer.ts';
import { codeOf } from '../../support/code-of.ts';

const PAGE = 4096;
const noLock = (): number => 0;

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'layermill-bolt-'));
  path = join(dir, 'meta.db');
  writeFileSync(path, writeBolt({ bucket: { key: 'value' } }, { pageSize: PAGE, inlineBytes: 0 }));
});
afterEach(() => rmSync(dir, { recursive: true }));

const read = (): Promise<string | undefined> =>
  readBolt(path, 'meta.db', noLock).then(({ root }) => root.at('bucket')?.value('key')?.toString());

describe('a bbolt file', () => {
  /** Ends a transaction in every turn of the event loop, as a busy daemon would, up to `most` of them. */
  async function readWhileWritten(most: number): Promise<unknown> {
    const file = openSync(path, 'r+');
    let done = 0;
    let timer: NodeJS.Immediate | null = null;
    const write = (): void => {
      done += 1;
      const page = done % 2;
      writeSync(file, boltMeta(page, PAGE, 4, 5, BigInt(10 + done)), 0, PAGE, page * PAGE);
      timer = done === most ? null : setImmediate(write);
    };
    write();
    try {
      return await read().catch((error: { code: unknown }) => error.code);
    } finally {
      if (timer !== null) clearImmediate(timer);
      closeSync(file);
    }
  }

  it('is read again when a transaction ended meanwhile', async () => {
    expect(await readWhileWritten(5)).toBe('value');
  });

  it('that never stays the same is given up', async () => {
    expect(await readWhileWritten(Infinity)).toBe('SOURCE_CHANGED');
  });

  it('says whether somebody holds its lock, and waits for nobody', async () => {
    const busy = await readBolt(path, 'meta.db', () => -11);
    expect([busy.inUse, busy.root.bucketNames()]).toEqual([true, ['bucket']]);
    expect((await readBolt(path, 'meta.db', noLock)).inUse).toBe(false);
  });

  it('is a regular file of a size that can be', async () => {
    truncateSync(path, 1024 ** 3 + 1);
    expect(await codeOf(read())).toBe('LIMIT_EXCEEDED');
    rmSync(path);
    execFileSync('mkfifo', [path]);
    expect(await codeOf(read())).toBe('ARCHIVE_INVALID');
    rmSync(path);
    symlinkSync('elsewhere', path);
    expect(await codeOf(read())).toBe('ELOOP');
    rmSync(path);
    writeFileSync(path, '');
    expect(await codeOf(read())).toBe('ARCHIVE_INVALID');
  });
});
