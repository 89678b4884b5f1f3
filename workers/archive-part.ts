import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { openRebuilder } from '../src/archive/rebuild.ts';
import { RECORD_FILE } from '../src/archive/record-format.ts';
import type { ByteSink } from '../src/compression/codec.ts';
import { blocks } from '../src/compression/blocks.ts';
import { PART_BYTES } from '../src/compression/codec.ts';
import { partEncoder } from '../src/compression/codecs.ts';
import { engineError } from '../src/errors/kinds.ts';
import type { BlobRef } from '../src/streams/blob-ref.ts';
import { type FileState, readBlob } from '../src/streams/read-blob.ts';
import type { System } from '../src/system/system.ts';
import type { ArchivedPart, ArchivePart } from '../src/tasks/task-map.ts';
import type { TaskContext } from '../src/tasks/task-pool.ts';
import { ProvenPart } from './proven-part.ts';
import { Scope } from './scope.ts';
import { PIECE_BYTES, timed } from './timed.ts';

const OPEN_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW;

/** Task `layer.part`. */
export function archivePart(system: System, input: ArchivePart, context: TaskContext): ArchivedPart {
  using open = new Scope();
  const tar = open.adopt(openTar(system, input), (opened) => opened.close());
  // Parts of one uncompressed output are written into the same file, so it may be there already.
  const fd = open.adopt(openSync(input.to, OPEN_FLAGS, 0o600), closeSync);
  let packedSize = 0;
  const { cell } = context;
  const write = timed(cell, 'write', (chunk) => {
    for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at, chunk.length - at, input.at + packedSize + at);
    packedSize += chunk.length;
    cell.addBytesOut(chunk.length);
  });
  const part = partEncoder(input.profile).part(write, input.last);
  const proven =
    input.proof === null || system.sha256 === null ? null : new ProvenPart(system.sha256, input.proof, input.part);
  const start = input.part * PART_BYTES;
  const end = Math.min(start + PART_BYTES, input.tarSize);
  const pieces = blocks(PIECE_BYTES, (piece) => {
    cell.throwIfCancelled();
    cell.addBytesIn(piece.length);
    cell.enter('hash');
    proven?.update(piece);
    cell.enter('compress');
    part.write(piece);
    cell.enter('read');
  });
  const state = tar.write(start, end, pieces.write);
  pieces.end();
  proven?.finish();
  cell.enter('compress');
  const crc32 = part.end();
  return { tarSize: end - start, crc32, packedSize, state, proven: proven !== null };
}

/** A tar that can be read from anywhere. */
interface OpenTar {
  /** Answers the state of the file, where it is one. */
  write(start: number, end: number, sink: ByteSink): FileState | null;
  close(): void;
}

function openTar(system: System, { source, tarSize }: ArchivePart): OpenTar {
  if (source.from === 'blob') return plainTar(source.blob);
  const rebuilder = openRebuilder(system, source);
  if (rebuilder.tarSize === tarSize) {
    return {
      write: (start, end, sink) => {
        rebuilder.write(start, end, sink);
        return null;
      },
      close: () => rebuilder.close(),
    };
  }
  rebuilder.close();
  throw otherSize(source.meta, tarSize, rebuilder.tarSize);
}

function plainTar({ path, offset = 0 }: BlobRef): OpenTar {
  return {
    write: (start, end, sink) => readBlob({ path, offset: offset + start, length: end - start }, sink),
    close: () => {},
  };
}

function otherSize(meta: string, tarSize: number, actual: number): Error {
  const what = `${meta}/${RECORD_FILE}`;
  const message = `${JSON.stringify(what)} is of a tar of ${actual} bytes, not of ${tarSize}; import the image again`;
  return engineError('SIZE_MISMATCH', message, { what, expected: tarSize, actual });
}
