import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { engineError } from '../../../errors/kinds.ts';
import { type Flock, tryLockExisting } from '../../../streams/lock-file.ts';
import { type BoltBucket, openBolt } from './bbolt.ts';
import { boltInvalid, METAS_WITHIN, newestMeta } from './bbolt-meta.ts';

/** A database in memory as of one transaction. */
export interface BoltSnapshot {
  root: BoltBucket;
  /** A daemon has it open, and may change it any time. */
  inUse: boolean;
}

const TRIES = 10;

/** The database of a host with thousands of images has some tens of megabytes. */
const MAX_BYTES = 1024 ** 3;

/**
 * Reads a bbolt file whole. A daemon that is at home holds its lock all the time, so nobody is waited for: a
 * transaction only writes pages that the one before does not use, and what was read is good as long as the meta page
 * did not change meanwhile. Throws SOURCE_CHANGED when it does so every time, ARCHIVE_INVALID, LIMIT_EXCEEDED.
 */
export async function readBolt(path: string, file: string, flock: Flock): Promise<BoltSnapshot> {
  const lock = tryLockExisting(path, 'shared', flock);
  try {
    const root = openBolt(await readSnapshot(path, file), file);
    return { root, inUse: lock === 'held' };
  } finally {
    if (typeof lock !== 'string') lock.release();
  }
}

async function readSnapshot(path: string, file: string): Promise<Buffer> {
  // A fifo opened without O_NONBLOCK would wait for a writer that never comes.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  try {
    await checkFile(handle, file);
    for (let tries = 0; tries < TRIES; tries++) {
      const before = await transaction(handle, file);
      const bytes = await readWhole(handle);
      if ((await transaction(handle, file)) === before && isOf(bytes, before, file)) return bytes;
    }
  } finally {
    await handle.close();
  }
  const message = `${JSON.stringify(file)} changed each of ${TRIES} times while it was read; stop the daemon, or wait until it is idle`;
  throw engineError('SOURCE_CHANGED', message, { path });
}

async function checkFile(handle: FileHandle, file: string): Promise<void> {
  const stat = await handle.stat();
  if (!stat.isFile()) throw boltInvalid(file, 'it is no regular file');
  if (stat.size <= MAX_BYTES) return;
  throw engineError('LIMIT_EXCEEDED', `${JSON.stringify(file)} has ${stat.size} bytes; ${MAX_BYTES} are allowed`, {
    limit: 'database bytes',
    allowed: MAX_BYTES,
    entry: file,
  });
}

async function transaction(handle: FileHandle, file: string): Promise<bigint> {
  return newestMeta(await readAt(handle, METAS_WITHIN), file).transaction;
}

function isOf(bytes: Buffer, wanted: bigint, file: string): boolean {
  return newestMeta(bytes.subarray(0, METAS_WITHIN), file).transaction === wanted;
}

async function readWhole(handle: FileHandle): Promise<Buffer> {
  return readAt(handle, Math.min((await handle.stat()).size, MAX_BYTES));
}

async function readAt(handle: FileHandle, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}
