import type { LayerLimits } from '../src/archive/limits.ts';
import { pumpTar } from '../src/archive/pump-tar.ts';
import type { TarVisitor } from '../src/archive/tar-entry.ts';
import { createTarReader } from '../src/archive/tar-reader.ts';
import type { TarSource } from '../src/archive/tar-source.ts';
import type { ByteSink } from '../src/compression/codec.ts';
import type { Digest } from '../src/identity/digest.ts';
import type { System } from '../src/system/system.ts';
import type { LayerDigests } from '../src/tasks/task-map.ts';
import type { TaskContext } from '../src/tasks/task-pool.ts';
import { LayerHash } from './layer-hash.ts';

/** What the tasks that read a whole layer are all told. */
interface LayerInput {
  source: TarSource;
  expected: { diffId?: Digest };
  limits: LayerLimits;
}

/** What gets the tar of a layer. */
interface TarTaker {
  write: ByteSink;
  end(): void;
}

/**
 * Gives the tar of a layer to `into`, to the real end of the stream, and hashes it on the way; `packed` gets the packed
 * bytes as they come. The digests are checked when everything else was found right: DIGEST_MISMATCH, DIFF_ID_MISMATCH.
 */
export function readLayer(
  system: System,
  input: LayerInput,
  into: TarTaker,
  context: TaskContext,
  packed?: ByteSink,
): LayerDigests {
  const hash = new LayerHash(input.source);
  const { compression } = pumpTar(
    system,
    input.source,
    (chunk) => {
      hash.tar(chunk);
      into.write(chunk);
    },
    {
      limits: input.limits,
      tick: everyChunk(context),
      packed: (chunk) => {
        hash.packed(chunk);
        packed?.(chunk);
      },
      warn: context.warn,
    },
  );
  into.end();
  return hash.finish(compression, input.expected);
}

/** What reads the tar entry by entry; the unpacked bytes count as what the task put out. */
export function toVisitor(visitor: TarVisitor, limits: LayerLimits, context: TaskContext): TarTaker {
  const reader = createTarReader(visitor, limits);
  return {
    write(chunk): void {
      context.cell.addBytesOut(chunk.length);
      reader.write(chunk);
    },
    end: () => reader.end(),
  };
}

/** Counts what is read, and stops a cancelled task. */
export function everyChunk({ cell }: TaskContext): (bytes: number) => void {
  return (bytes) => {
    cell.throwIfCancelled();
    cell.addBytesIn(bytes);
  };
}
