import { readBlob } from '../src/streams/read-blob.ts';
import type { TaskMap } from '../src/tasks/task-map.ts';
import type { TaskContext } from '../src/tasks/task-pool.ts';
import { HashedBytes } from './hashed-bytes.ts';
import { timed } from './timed.ts';

/** Task `blob.digest`. */
export function digestBlob(
  { blob }: TaskMap['blob.digest']['input'],
  context: TaskContext,
): TaskMap['blob.digest']['output'] {
  const bytes = new HashedBytes(blob.digest);
  const hash = timed(context.cell, 'hash', (chunk) => bytes.update(chunk));
  const state = readBlob(blob, (chunk) => {
    context.cell.throwIfCancelled();
    context.cell.addBytesIn(chunk.length);
    hash(chunk);
  });
  return { ...bytes.finishChecked(), state };
}
