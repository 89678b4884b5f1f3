import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { withPath } from '../src/errors/system-error.ts';
import { readBlob } from '../src/streams/read-blob.ts';
import type { TaskMap } from '../src/tasks/task-map.ts';
import type { TaskContext } from '../src/tasks/task-pool.ts';
import { Scope } from './scope.ts';
import { timed } from './timed.ts';

/** Task `blob.place`. */
export function placeBlob({ blob, to, at }: TaskMap['blob.place']['input'], context: TaskContext): { size: number } {
  using open = new Scope();
  const fd = open.adopt(openSync(to, constants.O_WRONLY | constants.O_NOFOLLOW), closeSync);
  let size = 0;
  const write = timed(context.cell, 'write', (chunk) => {
    try {
      for (let from = 0; from < chunk.length;)
        from += writeSync(fd, chunk, from, chunk.length - from, at + size + from);
    } catch (error) {
      throw withPath(error, to);
    }
  });
  readBlob(blob, (chunk) => {
    context.cell.throwIfCancelled();
    write(chunk);
    size += chunk.length;
    context.cell.addBytesOut(chunk.length);
  });
  return { size };
}
