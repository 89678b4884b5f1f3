import { constants, copyFileSync, lstatSync, rmSync } from 'node:fs';
import type { BlobRef } from '../src/streams/blob-ref.ts';
import { readBlob } from '../src/streams/read-blob.ts';
import type { BlobDigest, TaskMap } from '../src/tasks/task-map.ts';
import type { TaskContext } from '../src/tasks/task-pool.ts';
import { HashedBytes } from './hashed-bytes.ts';
import { OutputFile } from './output-file.ts';

/** Task `blob.copy`. Where files can share blocks none are written, and all are checked. */
export function copyBlob({ blob, to }: TaskMap['blob.copy']['input'], context: TaskContext): BlobDigest {
  return isClone(blob, to) ? checkClone(blob, to, context) : copyBytes(blob, to, context);
}

/** Makes `to` a clone of a whole file; false where that cannot be. Nothing but a regular file is opened, so nothing blocks. */
function isClone(blob: BlobRef, to: string): boolean {
  if (blob.offset !== undefined || blob.length !== undefined) return false;
  try {
    if (!lstatSync(blob.path).isFile()) return false;
    copyFileSync(blob.path, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch {
    return false;
  }
}

function checkClone(blob: BlobRef, to: string, context: TaskContext): BlobDigest {
  const bytes = new HashedBytes(blob.digest);
  try {
    readBlob({ ...blob, path: to }, (chunk) => {
      context.cell.throwIfCancelled();
      context.cell.addBytesIn(chunk.length);
      bytes.update(chunk);
    });
    return bytes.finishChecked();
  } catch (error) {
    rmSync(to, { force: true });
    throw error;
  }
}

function copyBytes(blob: BlobRef, to: string, context: TaskContext): BlobDigest {
  using output = new OutputFile(to, blob.digest);
  readBlob(blob, (chunk) => {
    context.cell.throwIfCancelled();
    context.cell.addBytesIn(chunk.length);
    output.write(chunk);
    context.cell.addBytesOut(chunk.length);
  });
  return output.finish();
}
