import { createHash } from 'node:crypto';
import type { LayerLimits } from '../src/archive/limits.ts';
import { pumpTar } from '../src/archive/pump-tar.ts';
import type { TarVisitor } from '../src/archive/tar-entry.ts';
import { createTarReader } from '../src/archive/tar-reader.ts';
import type { TarSource } from '../src/archive/tar-source.ts';
import type { ByteSink } from '../src/compression/codec.ts';
import { engineError } from '../src/errors/kinds.ts';
import type { Digest } from '../src/identity/digest.ts';
import type { System } from '../src/system/system.ts';
import type { LayerDigests } from '../src/tasks/task-map.ts';
import type { TaskContext } from '../src/tasks/task-pool.ts';

/** What the tasks that read a whole layer are all told. */
interface LayerInput {
  source: TarSource;
  expected: { diffId?: Digest };
  limits: LayerLimits;
}

/**
 * Gives the tar of a layer to `into`, to the real end of the stream, and hashes it on the way. The DiffID is checked
 * when everything else was found right; `DIFF_ID_MISMATCH` when another one was promised.
 */
export function readLayer(
  system: System,
  input: LayerInput,
  into: { write: ByteSink; end(): void },
  context: TaskContext,
  stored?: ByteSink,
): LayerDigests {
  const hash = createHash('sha256');
  let tarSize = 0;
  const pumped = pumpTar(
    system,
    input.source,
    (chunk) => {
      hash.update(chunk);
      tarSize += chunk.length;
      into.write(chunk);
    },
    {
      limits: input.limits,
      tick: (bytes) => {
        context.cell.throwIfCancelled();
        context.cell.addBytesIn(bytes);
      },
      stored,
      warn: context.warn,
    },
  );
  into.end();
  const diffId: Digest = `sha256:${hash.digest('hex')}`;
  checkDiffId(input.expected.diffId, diffId);
  return { diffId, tarSize, blob: pumped.blob ?? { digest: diffId, size: tarSize }, compression: pumped.compression };
}

/** Reads a layer entry by entry; the unpacked bytes count as what the task put out. */
export function visitLayer(
  system: System,
  input: LayerInput,
  visitor: TarVisitor,
  context: TaskContext,
  stored?: ByteSink,
): LayerDigests {
  const reader = createTarReader(visitor, input.limits);
  const counted = {
    write(chunk: Buffer): void {
      context.cell.addBytesOut(chunk.length);
      reader.write(chunk);
    },
    end: () => reader.end(),
  };
  return readLayer(system, input, counted, context, stored);
}

/** The promise of every layer: its bytes are the ones that its DiffID names. */
function checkDiffId(expected: Digest | undefined, actual: Digest): void {
  if (expected === undefined || expected === actual) return;
  throw engineError('DIFF_ID_MISMATCH', `the layer's tar has DiffID ${actual}, ${expected} was promised`, {
    expected,
    actual,
  });
}
