import { expansionLimits } from '../src/archive/limits.ts';
import { decoderFor } from '../src/compression/codecs.ts';
import { detectCompression, DETECT_BYTES } from '../src/compression/detect.ts';
import type { Decoder } from '../src/compression/codec.ts';
import { readBlob } from '../src/streams/read-blob.ts';
import type { TaskMap } from '../src/tasks/task-map.ts';
import type { TaskContext } from '../src/tasks/task-pool.ts';
import { HashedBytes } from './hashed-bytes.ts';
import { OutputFile } from './output-file.ts';

/** Task `blob.unpack`. The compression is found from the first bytes. */
export function unpackBlob(
  { blob, to, limits }: TaskMap['blob.unpack']['input'],
  context: TaskContext,
): TaskMap['blob.unpack']['output'] {
  using output = new OutputFile(to);
  const keep = (chunk: Buffer): void => {
    context.cell.throwIfCancelled();
    output.write(chunk);
    context.cell.addBytesOut(chunk.length);
  };
  const packed = new HashedBytes(blob.digest);
  let decoder: Decoder | null = null;
  readBlob(blob, (chunk) => {
    context.cell.addBytesIn(chunk.length);
    packed.update(chunk);
    decoder ??= decoderFor(detectCompression(chunk.subarray(0, DETECT_BYTES)), keep, expansionLimits(limits));
    decoder.write(chunk);
  });
  (decoder as Decoder | null)?.end();
  const checked = packed.finishChecked();
  return { ...output.finish(), packed: checked };
}
