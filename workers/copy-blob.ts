import { chmodSync, closeSync, constants, copyFileSync, fstatSync, openSync, rmSync } from 'node:fs';
import type { BlobRef } from '../src/streams/blob-ref.ts';
import { readBlob } from '../src/streams/read-blob.ts';
import type { BlobDigest, TaskMap } from '../src/tasks/task-map.ts';
import type { TaskContext } from '../src/tasks/task-pool.ts';
import { digestBlob } from './digest-blob.ts';
import { OutputFile } from './output-file.ts';
import { Scope } from './scope.ts';

const { COPYFILE_EXCL, COPYFILE_FICLONE_FORCE, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** Task `blob.copy`. Where files can share blocks none are written, and all are checked. */
export function copyBlob({ blob, to }: TaskMap['blob.copy']['input'], context: TaskContext): BlobDigest {
  return isClone(blob, to) ? checkClone(blob, to, context) : copyBytes(blob, to, context);
}

/** Makes `to` a clone of a whole file, with the mode of all our files; false where that cannot be. */
function isClone(blob: BlobRef, to: string): boolean {
  if (blob.offset !== undefined || blob.length !== undefined) return false;
  try {
    using open = new Scope();
    // By what is open, so that neither a link nor a FIFO in its place is ever followed or waited for.
    const from = open.adopt(openSync(blob.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK), closeSync);
    if (!fstatSync(from).isFile()) return false;
    copyFileSync(`/proc/self/fd/${from}`, to, COPYFILE_EXCL | COPYFILE_FICLONE_FORCE);
  } catch {
    return false;
  }
  chmodSync(to, 0o600);
  return true;
}

function checkClone(blob: BlobRef, to: string, context: TaskContext): BlobDigest {
  try {
    const { digest, size } = digestBlob({ blob: { ...blob, path: to } }, context);
    return { digest, size };
  } catch (error) {
    rmSync(to, { force: true });
    throw error;
  }
}

function copyBytes(blob: BlobRef, to: string, context: TaskContext): BlobDigest {
  using output = new OutputFile(to, context.cell, blob.digest);
  readBlob(blob, (chunk) => {
    context.cell.throwIfCancelled();
    context.cell.addBytesIn(chunk.length);
    output.write(chunk);
    context.cell.addBytesOut(chunk.length);
  });
  return output.finish();
}
