import type { Bytes } from '../system/system.ts';

export type EntryType = 'file' | 'hardlink' | 'symlink' | 'char' | 'block' | 'dir' | 'fifo';

/** One stored run of a sparse file. */
export interface SparseRun {
  offset: number;
  length: number;
}

/** An entry as the headers tell it, names uncleaned; numbers are safe integers, times exact to the nanosecond. */
export interface TarEntry {
  name: Bytes;
  type: EntryType;
  /** Permission bits only, `& 0o7777`. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of body that follow in the stream: 0 for everything but files. */
  size: number;
  mtimeSec: number;
  mtimeNsec: number;
  linkname: Bytes;
  devMajor: number;
  devMinor: number;
  /** From `SCHILY.xattr.*`, values as raw bytes; null when there are none. */
  xattrs: ReadonlyMap<Bytes, Buffer> | null;
  /**
   * Set for a sparse file: its stored runs in order, and its logical size. The first `mapBytes` of the body are the
   * map itself (0 unless the map is stored there); the runs' bytes follow it without gaps, so
   * `size === mapBytes + the sum of the runs' lengths`.
   */
  sparse: { runs: SparseRun[]; logicalSize: number; mapBytes: number } | null;
  /** Where the entry's first header block and its body start in the stream. */
  headerOffset: number;
  bodyOffset: number;
}

/**
 * Told of a tar stream piece by piece, in order. `raw` and `body` together get every byte exactly once: `raw` those of
 * headers, padding, end marker and whatever follows it, `body` those of entries. Chunks are only valid during the call.
 */
export interface TarVisitor {
  entry(entry: TarEntry): void;
  raw(chunk: Buffer, start: number, end: number): void;
  body(chunk: Buffer, start: number, end: number): void;
  endEntry(entry: TarEntry): void;
}
