import type { LayerLimits } from '../src/archive/limits.ts';
import { type Pumped, pumpTar } from '../src/archive/pump-tar.ts';
import type { TarVisitor } from '../src/archive/tar-entry.ts';
import { createTarReader } from '../src/archive/tar-reader.ts';
import type { TarSource } from '../src/archive/tar-source.ts';
import { blocks } from '../src/compression/blocks.ts';
import type { ByteSink } from '../src/compression/codec.ts';
import type { System } from '../src/system/system.ts';
import type { TaskStage } from '../src/tasks/stage-times.ts';
import type { HashedLayer, LayerBytes } from '../src/tasks/task-map.ts';
import type { TaskContext } from '../src/tasks/task-pool.ts';
import { LayerHash } from './layer-hash.ts';
import { NewFile } from './new-file.ts';
import { PIECE_BYTES, timed } from './timed.ts';

/** What the tasks that read a whole layer are all told. */
interface LayerInput {
  source: TarSource;
  limits: LayerLimits;
}

/** What gets the tar of a layer. */
export interface TarTaker {
  write: ByteSink;
  end(): void;
}

/**
 * Gives the tar of a layer to `into`, to the real end of the stream, and hashes it on the way. The digests are checked
 * when everything else was found right: DIGEST_MISMATCH, DIFF_ID_MISMATCH.
 */
export function readLayer(
  system: System,
  input: LayerInput & { bytes: LayerBytes },
  into: TarTaker,
  context: TaskContext,
): HashedLayer {
  const { keepBlob } = input.bytes;
  using kept = keepBlob === null ? null : new NewFile(keepBlob);
  const hash = new LayerHash(input.source, system.sha256);
  const { cell } = context;
  const tar = gathered(input.source, (chunk) => {
    const before = cell.enter('hash');
    hash.tar(chunk);
    cell.enter(before);
    into.write(chunk);
  });
  const packed = (chunk: Buffer): void => {
    const before = cell.enter('hash');
    hash.packed(chunk);
    cell.enter('write');
    kept?.write(chunk);
    cell.enter(before);
  };
  const { compression, state } = pump(system, input, tar.write, context, packed);
  tar.end();
  into.end();
  const digests = hash.finish(compression, input.bytes.expected);
  kept?.keep();
  return { digests, state };
}

/** A blob comes in large pieces already. */
function gathered({ from }: TarSource, sink: ByteSink): { write: ByteSink; end(): void } {
  return from === 'blob' ? { write: sink, end: () => {} } : blocks(PIECE_BYTES, sink);
}

/** As `readLayer`, while another task hashes the same bytes. */
export function readUnhashed(
  system: System,
  input: LayerInput,
  into: TarTaker,
  context: TaskContext,
): { digests: null; state: HashedLayer['state'] } {
  const { state } = pump(system, input, (chunk) => into.write(chunk), context);
  into.end();
  return { digests: null, state };
}

/** What reads the tar entry by entry, which is this stage; the unpacked bytes count as what the task put out. */
export function toVisitor(visitor: TarVisitor, stage: TaskStage, limits: LayerLimits, { cell }: TaskContext): TarTaker {
  const reader = createTarReader(visitor, limits);
  const write = timed(cell, stage, (chunk) => reader.write(chunk));
  return {
    write(chunk): void {
      cell.addBytesOut(chunk.length);
      write(chunk);
    },
    end: () => reader.end(),
  };
}

/** As `pumpTar`, counting what is read and stopping when the task is cancelled. */
export function pump(
  system: System,
  { source, limits }: LayerInput,
  tar: ByteSink,
  { cell, warn }: TaskContext,
  packed?: ByteSink,
): Pumped {
  const tick = (bytes: number): void => {
    cell.throwIfCancelled();
    cell.addBytesIn(bytes);
  };
  const unpacking = (unpack: ByteSink): ByteSink => timed(cell, 'inflate', unpack);
  return pumpTar(system, source, tar, { limits, tick, packed, unpacking, warn });
}
