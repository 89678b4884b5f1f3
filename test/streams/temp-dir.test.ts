import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Flock, tryLock } from '../../src/streams/lock-file.ts';
import { createStagingDir, sweepStagingDirs } from '../../src/streams/temp-dir.ts';

/** flock for one process: a file's lock belongs to the descriptor that took it, until that is closed. */
function fakeFlock(): Flock {
  const holders = new Map<number, number>();
  return (fd, mode) => {
    const ino = fstatIno(fd);
    const holder = holders.get(ino);
    if (mode === 'none') holders.delete(ino);
    else if (holder !== undefined && holder !== fd && fstatIno(holder) === ino) return -constants.errno.EAGAIN;
    else holders.set(ino, fd);
    return 0;
  };
}

function fstatIno(fd: number): number {
  return statSync(`/proc/self/fd/${fd}`, { throwIfNoEntry: false })?.ino ?? -1;
}

const noFlock: Flock = () => -constants.errno.ENOSYS;

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'staging-'));
});
afterEach(() => rmSync(parent, { recursive: true }));

describe.each([
  ['with flock', fakeFlock],
  ['without flock', () => noFlock],
])('%s', (_, makeFlock) => {
  test('a sweep leaves what somebody works in and takes the rest', async () => {
    const tools = { flock: makeFlock() };
    const mine = await createStagingDir(parent, tools);
    writeFileSync(join(mine.path, 'half'), 'x');
    mkdirSync(join(parent, 'left'));
    writeFileSync(join(parent, 'left', 'json'), '{}');
    writeFileSync(join(parent, 'gone.lock'), '');
    const seen: string[] = [];
    await sweepStagingDirs(parent, tools, async (path) => void seen.push(path));
    expect(existsSync(join(mine.path, 'half'))).toBe(true);
    expect(seen.sort()).toEqual([join(parent, 'gone'), join(parent, 'left')]);
    expect(readdirSync(parent).every((name) => join(parent, name).startsWith(mine.path))).toBe(true);
    await mine.remove();
    expect(readdirSync(parent)).toEqual([]);
    await mine.remove();
  });

  test('the directory is for its owner only', async () => {
    const mine = await createStagingDir(join(parent, 'deep', 'er'), { flock: makeFlock() });
    expect(statSync(mine.path).mode & 0o777).toBe(0o700);
    await mine.remove();
  });

  test('a lock has one holder, and is free again after it', () => {
    const flock = makeFlock();
    const path = join(parent, 'lock');
    const first = tryLock(path, 'exclusive', flock);
    expect(tryLock(path, 'exclusive', flock)).toBeNull();
    first?.release();
    first?.release();
    const second = tryLock(path, 'exclusive', flock);
    expect(second).not.toBeNull();
    second?.release();
  });
});

test('without flock the lock of a dead process is taken over, that of a living or foreign one is not', () => {
  const path = join(parent, 'lock');
  const holder = (fields: object): void => writeFileSync(`${path}.held`, JSON.stringify(fields));
  holder({ host: 'elsewhere', pid: 1, started: '1' });
  expect(tryLock(path, 'exclusive', noFlock)).toBeNull();
  writeFileSync(`${path}.held`, '');
  expect(tryLock(path, 'exclusive', noFlock)).toBeNull();
  rmSync(`${path}.held`);
  tryLock(path, 'exclusive', noFlock);
  expect(tryLock(path, 'exclusive', noFlock)).toBeNull();
  rmSync(`${path}.held`);
  // This process's number, but started at another time: the number was used again.
  holder({ host: hostname(), pid: process.pid, started: 'long ago' });
  expect(tryLock(path, 'exclusive', noFlock)).not.toBeNull();
});

test('a lock file that was removed meanwhile is not taken for the lock', () => {
  const path = join(parent, 'lock');
  let calls = 0;
  const lock = tryLock(path, 'exclusive', () => {
    if (calls++ === 0) rmSync(path);
    return 0;
  });
  expect(calls).toBe(2);
  expect(existsSync(path)).toBe(true);
  lock?.release();
});

test('a flock that fails otherwise is an error', () => {
  expect(() => tryLock(join(parent, 'lock'), 'exclusive', () => -constants.errno.EIO)).toThrow(
    expect.objectContaining({ code: 'SYSTEM_CALL_FAILED' }),
  );
});
