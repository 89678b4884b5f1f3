import { sequentialEncoder } from '../src/compression/codecs.ts';
import type { System } from '../src/system/system.ts';
import type { ArchivedLayer, ArchiveLayer } from '../src/tasks/task-map.ts';
import type { TaskContext } from '../src/tasks/task-pool.ts';
import { OutputFile } from './output-file.ts';
import { readLayer } from './read-layer.ts';
import { timed } from './timed.ts';

/** Task `layer.archive`. */
export function archiveLayer(system: System, input: ArchiveLayer, context: TaskContext): ArchivedLayer {
  using output = new OutputFile(input.to, context.cell);
  const encoder = sequentialEncoder(input.profile, (chunk) => {
    context.cell.addBytesOut(chunk.length);
    output.write(chunk);
  });
  const into = {
    write: timed(context.cell, 'compress', (chunk) => encoder.write(chunk)),
    end: () => {
      context.cell.enter('compress');
      encoder.end();
    },
  };
  const bytes = { keepBlob: null, expected: input.expected };
  const { diffId, tarSize } = readLayer(system, { ...input, bytes }, into, context).digests;
  return { diffId, tarSize, blob: output.finish() };
}
