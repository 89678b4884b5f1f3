import { expansionLimits } from '../src/archive/limits.ts';
import { decoderFor } from '../src/compression/codecs.ts';
import { detectCompression, DETECT_BYTES } from '../src/compression/detect.ts';
import type { ByteSink } from '../src/compression/codec.ts';
import { readBlob } from '../src/streams/read-blob.ts';
import type { TaskMap } from '../src/tasks/task-map.ts';
import type { TaskContext } from '../src/tasks/task-pool.ts';
import { HashedBytes } from './hashed-bytes.ts';
import { OutputFile } from './output-file.ts';
import { timed } from './timed.ts';

/** Task `blob.unpack`. The compression is found from the first bytes. */
export function unpackBlob(
  { blob, to, limits }: TaskMap['blob.unpack']['input'],
  context: TaskContext,
): TaskMap['blob.unpack']['output'] {
  using output = new OutputFile(to, context.cell);
  const keep = (chunk: Buffer): void => {
    context.cell.throwIfCancelled();
    output.write(chunk);
    context.cell.addBytesOut(chunk.length);
  };
  const packed = new HashedBytes(blob.digest);
  const hash = timed(context.cell, 'hash', (chunk) => packed.update(chunk));
  let end = (): void => {};
  let unpack: ByteSink | null = null;
  const start = (head: Buffer): ByteSink => {
    const decoder = decoderFor(detectCompression(head.subarray(0, DETECT_BYTES)), keep, expansionLimits(limits));
    end = () => decoder.end();
    return timed(context.cell, 'inflate', (chunk) => decoder.write(chunk));
  };
  readBlob(blob, (chunk) => {
    context.cell.addBytesIn(chunk.length);
    hash(chunk);
    unpack ??= start(chunk);
    unpack(chunk);
  });
  end();
  const checked = packed.finishChecked();
  return { ...output.finish(), packed: checked };
}
