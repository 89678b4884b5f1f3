import { readBlob } from '../src/streams/read-blob.ts';
import type { BlobDigest, TaskMap } from '../src/tasks/task-map.ts';
import type { TaskContext } from '../src/tasks/task-pool.ts';
import { OutputFile } from './output-file.ts';

/** Task `blob.copy`. */
export function copyBlob({ blob, to }: TaskMap['blob.copy']['input'], context: TaskContext): BlobDigest {
  using output = new OutputFile(to, blob.digest);
  readBlob(blob, (chunk) => {
    context.cell.throwIfCancelled();
    context.cell.addBytesIn(chunk.length);
    output.write(chunk);
    context.cell.addBytesOut(chunk.length);
  });
  return output.finish();
}
