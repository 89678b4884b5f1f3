import { tarInvalid, tarOverLimit } from './tar-error.ts';
import type { SparseRun, TarEntry } from './tar-entry.ts';
import { findByte, readDigits, readNumber } from './tar-fields.ts';
import { BLOCK_BYTES } from './tar-header.ts';

/** Reads the blocks of a sparse file's map that come after its header block. */
export interface SparseMapReader {
  readonly entry: TarEntry;
  /** The blocks are the start of the body; otherwise they come before it. */
  readonly inBody: boolean;
  /** Takes the next block; true when it was the last, and `entry.sparse` is set. */
  add(bytes: Buffer, at: number): boolean;
}

/** Sets `entry.sparse`, once the runs are known to ascend without overlap within the size and to hold the stored bytes. */
export function setRuns(
  entry: TarEntry,
  runs: SparseRun[],
  logicalSize: number,
  mapBytes: number,
  offset: number,
): void {
  let end = 0;
  let sum = mapBytes;
  for (const run of runs) {
    if (run.offset < end || run.length < 0) throw tarInvalid('the runs of the sparse map overlap', offset, entry.name);
    end = run.offset + run.length;
    sum += run.length;
  }
  if (end > logicalSize) throw tarInvalid('the sparse map goes beyond the size of the file', offset, entry.name);
  if (sum !== entry.size) throw tarInvalid('the sparse map and the stored bytes disagree', offset, entry.name);
  entry.sparse = { runs, logicalSize, mapBytes };
}

const FIELD_BYTES = 12;
const PAIR_BYTES = 2 * FIELD_BYTES;
const PAIRS_IN_BLOCK = 21;

/**
 * Adds the runs of an old GNU sparse table: `pairs` entries of offset and length from `at`, ended early by an empty
 * one. True when the byte after the table says that a block with another table follows.
 */
export function addTableRuns(runs: SparseRun[], bytes: Buffer, at: number, pairs: number, offset: number): boolean {
  const end = at + pairs * PAIR_BYTES;
  for (let pair = at; pair < end && bytes[pair] !== 0; pair += PAIR_BYTES) {
    const run = {
      offset: readNumber(bytes, pair, FIELD_BYTES),
      length: readNumber(bytes, pair + FIELD_BYTES, FIELD_BYTES),
    };
    if (Number.isNaN(run.offset + run.length)) throw tarInvalid('a number of the sparse map is malformed', offset);
    runs.push(run);
  }
  return bytes[end] !== 0;
}

/** The tables that follow an old GNU sparse header, a block each. */
export function gnuTables(
  entry: TarEntry,
  runs: SparseRun[],
  logicalSize: number,
  limit: number,
  offset: number,
): SparseMapReader {
  let blocks = 0;
  return {
    entry,
    inBody: false,
    add(bytes, at) {
      blocks += 1;
      if (blocks * BLOCK_BYTES > limit) throw tarOverLimit('metaBytes', limit, 'sparse map', entry.name);
      if (addTableRuns(runs, bytes, at, PAIRS_IN_BLOCK, offset)) return false;
      setRuns(entry, runs, logicalSize, 0, offset);
      return true;
    },
  };
}

const NEWLINE = 0x0a;

/** The map at the start of a body, in lines of digits: a count, then that many offsets and lengths. */
export function bodyMap(entry: TarEntry, logicalSize: number, limit: number, offset: number): SparseMapReader {
  const numbers: number[] = [];
  let mapBytes = 0;
  let rest: Buffer = Buffer.alloc(0);
  const wanted = (): number => (numbers.length === 0 ? 1 : 1 + 2 * numbers[0]!);
  return {
    entry,
    inBody: true,
    add(bytes, at) {
      mapBytes += BLOCK_BYTES;
      if (mapBytes > limit) throw tarOverLimit('metaBytes', limit, 'sparse map', entry.name);
      if (mapBytes > entry.size) throw tarInvalid('the sparse map is longer than the body', offset, entry.name);
      const text = Buffer.concat([rest, bytes.subarray(at, at + BLOCK_BYTES)]);
      let from = 0;
      while (numbers.length < wanted()) {
        const end = findByte(text, NEWLINE, from, text.length);
        if (end === text.length) break;
        numbers.push(mapNumber(text, from, end, offset));
        from = end + 1;
      }
      rest = text.subarray(from);
      if (numbers.length < wanted()) return false;
      setRuns(entry, pairsOf(numbers), logicalSize, mapBytes, offset);
      return true;
    },
  };
}

function mapNumber(text: Buffer, start: number, end: number, offset: number): number {
  const value = readDigits(text, start, end);
  if (Number.isNaN(value)) throw tarInvalid('a number of the sparse map is malformed', offset);
  return value;
}

function pairsOf(numbers: number[]): SparseRun[] {
  const runs: SparseRun[] = [];
  for (let i = 1; i < numbers.length; i += 2) runs.push({ offset: numbers[i]!, length: numbers[i + 1]! });
  return runs;
}
