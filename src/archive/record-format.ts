/**
 * The record of a layer: every byte of its tar that is not the body of a file, and for each body where it is now, so
 * that the tar can be written again bit for bit. A file `record` in the image's metadata directory:
 *
 *   magic (8 bytes), frames, table, u32 packed table size, u32 table size (both little endian), magic (8 bytes)
 *
 * Frames and table are zstd frames of their own. A frame holds the operations that start within one PART_BYTES of tar,
 * so that any part of the tar can be made without reading what is before it. Operations, numbers as LEB128:
 *
 *   1 length bytes…            these bytes
 *   2 size length path…        the body of a file, in the layer's tree at `path` (unless the table says it was moved)
 *   3 size number              a body that never became a file, in `payload/<number>`
 */
export const MAGIC: Buffer = Buffer.from('LMREC\x001\n', 'latin1');
export const OP_RAW = 1;
export const OP_FILE = 2;
export const OP_PAYLOAD = 3;

/** The name of the record, and of the directory for bodies that are not in the tree, in a metadata directory. */
export const RECORD_FILE = 'record';
export const PAYLOAD_DIR = 'payload';

/** Level 1: higher ones make the records of real layers larger, not smaller. */
export const RECORD_LEVEL = 1;

export interface RecordFrame {
  /** Offset in the tar of the first operation, and how many file bodies came before it. */
  tarOffset: number;
  bodiesBefore: number;
  /** Where the packed frame is in the file, and its sizes. */
  offset: number;
  packedSize: number;
  size: number;
}

/** A body that was in the tree and is now in the payload: those at `path` that came before body number `before`. */
export interface MovedBody {
  path: string;
  before: number;
  payload: number;
}

export interface RecordTable {
  tarSize: number;
  frames: RecordFrame[];
  moved: MovedBody[];
}

/** Bounds for reading: a frame holds at most a part of tar and one more operation, each operation a few bytes extra. */
export const MAX_FRAME_SIZE: number = 64 * 1024 * 1024;
export const MAX_TABLE_SIZE: number = 512 * 1024 * 1024;
