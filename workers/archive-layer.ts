import { createHash } from 'node:crypto';
import { pumpTar } from '../src/archive/pump-tar.ts';
import { sequentialEncoder } from '../src/compression/codecs.ts';
import type { Digest } from '../src/identity/digest.ts';
import type { System } from '../src/system/system.ts';
import type { ArchivedLayer, ArchiveLayer } from '../src/tasks/task-map.ts';
import type { TaskContext } from '../src/tasks/task-pool.ts';
import { checkDiffId } from './check-diff-id.ts';
import { OutputFile } from './output-file.ts';

/** Task `layer.archive`. */
export function archiveLayer(system: System, input: ArchiveLayer, context: TaskContext): ArchivedLayer {
  using output = new OutputFile(input.to);
  const hash = createHash('sha256');
  let tarSize = 0;
  const encoder = sequentialEncoder(input.profile, (chunk) => {
    context.cell.addBytesOut(chunk.length);
    output.write(chunk);
  });
  pumpTar(
    system,
    input.source,
    (chunk) => {
      hash.update(chunk);
      tarSize += chunk.length;
      encoder.write(chunk);
    },
    {
      limits: input.limits,
      tick: (bytes) => {
        context.cell.throwIfCancelled();
        context.cell.addBytesIn(bytes);
      },
      warn: context.warn,
    },
  );
  encoder.end();
  const diffId: Digest = `sha256:${hash.digest('hex')}`;
  checkDiffId(input.expected.diffId, diffId);
  return { diffId, tarSize, blob: output.finish() };
}
