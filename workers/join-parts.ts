import { rmSync } from 'node:fs';
import { partEncoder } from '../src/compression/codecs.ts';
import { crc32Combine } from '../src/compression/crc32.ts';
import { readBlob } from '../src/streams/read-blob.ts';
import type { JoinedParts, JoinParts } from '../src/tasks/task-map.ts';
import type { TaskContext } from '../src/tasks/task-pool.ts';
import { OutputFile } from './output-file.ts';

/** Task `layer.join`. */
export function joinParts(input: JoinParts, context: TaskContext): JoinedParts {
  using output = new OutputFile(input.to);
  const encoder = partEncoder(input.profile);
  let crc32 = 0;
  let tarSize = 0;
  output.write(encoder.head);
  for (const part of input.parts) {
    readBlob({ path: part.path }, (chunk) => {
      context.cell.throwIfCancelled();
      context.cell.addBytesIn(chunk.length);
      output.write(chunk);
    });
    rmSync(part.path);
    crc32 = crc32Combine(crc32, part.crc32, part.tarSize);
    tarSize += part.tarSize;
  }
  output.write(encoder.tail(crc32, tarSize));
  return { blob: output.finish() };
}
