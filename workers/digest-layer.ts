import { createHash } from 'node:crypto';
import { pumpTar } from '../src/archive/pump-tar.ts';
import { createTarReader } from '../src/archive/tar-reader.ts';
import type { TarVisitor } from '../src/archive/tar-entry.ts';
import type { Digest } from '../src/identity/digest.ts';
import type { System } from '../src/system/system.ts';
import type { DigestLayer, LayerDigests } from '../src/tasks/task-map.ts';
import type { TaskContext } from '../src/tasks/task-pool.ts';
import { checkDiffId } from './check-diff-id.ts';

/** Task `layer.digest`. The tar is read as when it is applied, so that what is refused there is refused here. */
export function digestLayer(system: System, input: DigestLayer, context: TaskContext): LayerDigests {
  const hash = createHash('sha256');
  const reader = createTarReader(countEntries(context), input.limits);
  let tarSize = 0;
  const pumped = pumpTar(
    system,
    input.source,
    (chunk) => {
      hash.update(chunk);
      tarSize += chunk.length;
      context.cell.addBytesOut(chunk.length);
      reader.write(chunk);
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
  reader.end();
  const diffId: Digest = `sha256:${hash.digest('hex')}`;
  checkDiffId(input.expected.diffId, diffId);
  return { diffId, tarSize, blob: pumped.blob ?? { digest: diffId, size: tarSize }, compression: pumped.compression };
}

function countEntries(context: TaskContext): TarVisitor {
  return {
    entry: () => context.cell.addEntries(1),
    raw: () => {},
    body: () => {},
    endEntry: () => {},
  };
}
