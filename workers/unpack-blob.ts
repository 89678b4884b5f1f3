import { expansionLimits } from '../src/archive/limits.ts';
import { decoderFor } from '../src/compression/codecs.ts';
import { detectCompression, DETECT_BYTES } from '../src/compression/detect.ts';
import type { Decoder } from '../src/compression/codec.ts';
import { readBlob } from '../src/streams/read-blob.ts';
import type { TaskMap } from '../src/tasks/task-map.ts';
import type { TaskContext } from '../src/tasks/task-pool.ts';
import { OutputFile } from './output-file.ts';

/** Task `blob.unpack`. The compression is found from the first bytes. */
export function unpackBlob(
  { blob, to, limits }: TaskMap['blob.unpack']['input'],
  context: TaskContext,
): { size: number } {
  using output = new OutputFile(to);
  const keep = (chunk: Buffer): void => {
    context.cell.throwIfCancelled();
    output.write(chunk);
    context.cell.addBytesOut(chunk.length);
  };
  let decoder: Decoder | null = null;
  readBlob(blob, (chunk) => {
    context.cell.addBytesIn(chunk.length);
    decoder ??= decoderFor(detectCompression(chunk.subarray(0, DETECT_BYTES)), keep, expansionLimits(limits));
    decoder.write(chunk);
  });
  (decoder as Decoder | null)?.end();
  return { size: output.finish().size };
}
