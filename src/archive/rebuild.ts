import { readSync } from 'node:fs';
import type { ByteSink } from '../compression/codec.ts';
import { engineError } from '../errors/kinds.ts';
import { check } from '../system/errno.ts';
import type { Dir, System } from '../system/system.ts';
import { PAYLOAD_DIR } from './record-format.ts';
import { type RecordPiece, RecordReader } from './record-reader.ts';

const READ_BYTES = 256 * 1024;

/** A registered layer: its metadata directory (record, payload) and its tree. */
export interface RecordedLayer {
  meta: string;
  dir: string;
}

/** The bytes of the tar that a record was made from, all or a range, from the record and the layer's tree. */
export interface TarRebuilder {
  readonly tarSize: number;
  /** Gives `[start, end)` of the tar to `sink`, in order. Throws SIZE_MISMATCH when a file in the tree is not what it was. */
  write(start: number, end: number, sink: ByteSink): void;
  close(): void;
}

/**
 * Opens a recorded layer for writing its tar again. Files are read beneath the layer's root and through no link, so that
 * a tree that was tampered with cannot make it read anything else.
 */
export function openRebuilder(system: System, layer: RecordedLayer): TarRebuilder {
  const record = new RecordReader(layer.meta);
  let root: Dir;
  try {
    root = check(system.openRoot(Buffer.from(layer.dir).toString('latin1')), 'open', layer.dir);
  } catch (error) {
    record.close();
    throw error;
  }
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  let payload: Dir | null = null;
  return {
    tarSize: record.table.tarSize,
    write(start, end, sink): void {
      for (const piece of record.pieces(start, Math.min(end, record.table.tarSize))) {
        writePiece(piece, start, end, sink);
      }
    },
    close(): void {
      if (payload !== null) system.closeDir(payload);
      system.closeDir(root);
      record.close();
    },
  };

  function writePiece(piece: RecordPiece, start: number, end: number, sink: ByteSink): void {
    const from = Math.max(0, start - piece.tarOffset);
    if (piece.kind === 'raw') {
      const to = Math.min(piece.bytes.length, end - piece.tarOffset);
      sink(from === 0 && to === piece.bytes.length ? piece.bytes : piece.bytes.subarray(from, to));
      return;
    }
    const to = Math.min(piece.size, end - piece.tarOffset);
    const fd = openBody(piece);
    try {
      copyRange(fd, piece, from, to, sink);
    } finally {
      system.close(fd);
    }
  }

  function openBody(piece: RecordPiece & { kind: 'body' }): number {
    if (piece.payload === null) return check(system.openFile(root, piece.path), 'open', `${layer.dir}/${piece.path}`);
    const dir = `${layer.meta}/${PAYLOAD_DIR}`;
    payload ??= check(system.openRoot(Buffer.from(dir).toString('latin1')), 'open', dir);
    return check(system.openFile(payload, String(piece.payload)), 'open', `${dir}/${piece.payload}`);
  }

  function copyRange(
    fd: number,
    piece: RecordPiece & { kind: 'body' },
    from: number,
    to: number,
    sink: ByteSink,
  ): void {
    // The first read starts where the file does, so that a small file costs open, read and close.
    let at = from;
    while (at < to) {
      const read = readSync(fd, buffer, 0, Math.min(READ_BYTES, to - at), from === 0 ? null : at);
      if (read === 0) throw shorter(piece, at);
      sink(buffer.subarray(0, read));
      at += read;
    }
  }

  function shorter(piece: RecordPiece & { kind: 'body' }, actual: number): Error {
    const what =
      piece.payload === null ? `${layer.dir}/${piece.path}` : `${layer.meta}/${PAYLOAD_DIR}/${piece.payload}`;
    return engineError(
      'SIZE_MISMATCH',
      `${JSON.stringify(what)} in the store is shorter than when it was registered; import the image again`,
      { what, expected: piece.size, actual },
    );
  }
}
