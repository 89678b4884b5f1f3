import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, rmSync, writeSync } from 'node:fs';
import { partEncoder } from '../src/compression/codecs.ts';
import { crc32Combine } from '../src/compression/crc32.ts';
import { engineError } from '../src/errors/kinds.ts';
import { readBlob } from '../src/streams/read-blob.ts';
import type { RunningSha256 } from '../src/system/resumable-sha256.ts';
import type { System } from '../src/system/system.ts';
import type { JoinedParts, JoinParts } from '../src/tasks/task-map.ts';
import type { TaskContext } from '../src/tasks/task-pool.ts';
import { Scope } from './scope.ts';
import { timed } from './timed.ts';

const NOTHING: JoinedParts = { size: 0, tarSize: 0, crc32: 0, running: null, digest: null };

/**
 * Task `layer.join`. The file is hashed as it grows; where a hash cannot be taken along to the next task, it is read
 * again when it is complete. It is the caller's to remove when this fails.
 */
export function joinParts(system: System, input: JoinParts, context: TaskContext): JoinedParts {
  using open = new Scope();
  const { joined, to, last } = input;
  let { size, tarSize, crc32 } = joined ?? NOTHING;
  const fd = open.adopt(joined === null ? openSync(to, 'wx', 0o600) : openAgain(to, joined), closeSync);
  const sha256 = goOn(system, joined);
  const write = timed(context.cell, 'write', (chunk) => {
    for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at);
  });
  const hash = timed(context.cell, 'hash', (chunk) => sha256?.update(chunk));
  const append = (chunk: Buffer): void => {
    context.cell.throwIfCancelled();
    write(chunk);
    hash(chunk);
    size += chunk.length;
    context.cell.addBytesIn(chunk.length);
  };
  const encoder = partEncoder(input.profile);
  if (joined === null) append(encoder.head);
  for (const part of input.parts) {
    readBlob({ path: part.path }, append);
    rmSync(part.path);
    crc32 = crc32Combine(crc32, part.crc32, part.tarSize);
    tarSize += part.tarSize;
  }
  if (!last) return { size, tarSize, crc32, running: sha256?.save().toString('base64') ?? null, digest: null };
  append(encoder.tail(crc32, tarSize));
  const digest = sha256?.digest() ?? hashFile(to, context);
  return { size, tarSize, crc32, running: null, digest: `sha256:${digest.toString('hex')}` };
}

/** What the hash knows of the file must still be in it. */
function openAgain(path: string, { size }: JoinedParts): number {
  const fd = openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW);
  const actual = fstatSync(fd).size;
  if (actual === size) return fd;
  closeSync(fd);
  const message = `${JSON.stringify(path)} changed between two parts: it has ${actual} bytes instead of ${size}`;
  throw engineError('SIZE_MISMATCH', message, { what: path, expected: size, actual });
}

function goOn({ sha256 }: System, joined: JoinedParts | null): RunningSha256 | null {
  if (joined === null) return sha256?.start() ?? null;
  return joined.running === null ? null : (sha256?.restore(Buffer.from(joined.running, 'base64')) ?? null);
}

function hashFile(path: string, context: TaskContext): Buffer {
  const sha256 = createHash('sha256');
  const hash = timed(context.cell, 'hash', (chunk) => sha256.update(chunk));
  readBlob({ path }, (chunk) => {
    context.cell.throwIfCancelled();
    hash(chunk);
  });
  return sha256.digest();
}
