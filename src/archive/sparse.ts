import type { LayerLimits } from './limits.ts';
import type { SparseRecords } from './pax.ts';
import { addTableRuns, bodyMap, gnuTables, setRuns, type SparseMapReader } from './sparse-map.ts';
import { paxSparseForm, paxSparseRuns, paxSparseSize } from './sparse-pax.ts';
import { tarInvalid, tarOverLimit } from './tar-error.ts';
import type { SparseRun, TarEntry } from './tar-entry.ts';
import { readNumber } from './tar-fields.ts';
import { FLAG, type HeaderNumbers } from './tar-header.ts';

const TABLE_AT = 386;
const PAIRS_IN_HEADER = 4;
const REAL_SIZE_AT = 483;

/**
 * Sets `entry.sparse` when the headers describe a sparse file. Answers a reader when more of the map follows in the
 * stream; null when the entry is complete, sparse or not. `offset` is the header block's place in the stream.
 */
export function readSparse(
  entry: TarEntry,
  block: Buffer,
  at: number,
  numbers: HeaderNumbers,
  records: SparseRecords | null,
  limits: LayerLimits,
  offset: number,
): SparseMapReader | null {
  if (numbers.flag === FLAG.gnuSparse) return readGnu(entry, block, at, numbers, limits, offset);
  const form = records === null ? null : paxSparseForm(records);
  if (records === null || form === null) return null;
  if (entry.type !== 'file') throw tarInvalid('only a file can be sparse', offset, entry.name);
  const logicalSize = paxSparseSize(records, offset) ?? entry.size;
  checkSize(logicalSize, limits, entry);
  if (form === 'body') return bodyMap(entry, logicalSize, limits.metaBytes, offset);
  setRuns(entry, paxSparseRuns(records, offset), logicalSize, 0, offset);
  return null;
}

/** star uses the same type flag for another layout. */
function readGnu(
  entry: TarEntry,
  block: Buffer,
  at: number,
  { format }: HeaderNumbers,
  limits: LayerLimits,
  offset: number,
): SparseMapReader | null {
  if (format !== 'gnu') throw tarInvalid('a sparse file in a header that is not GNU', offset, entry.name);
  const logicalSize = readNumber(block, at + REAL_SIZE_AT, 12);
  if (!(logicalSize >= 0)) throw tarInvalid('the size of the sparse file is malformed', offset, entry.name);
  checkSize(logicalSize, limits, entry);
  const runs: SparseRun[] = [];
  const more = addTableRuns(runs, block, at + TABLE_AT, PAIRS_IN_HEADER, offset);
  if (more) return gnuTables(entry, runs, logicalSize, limits.metaBytes, offset);
  setRuns(entry, runs, logicalSize, 0, offset);
  return null;
}

function checkSize(logicalSize: number, limits: LayerLimits, entry: TarEntry): void {
  if (logicalSize > limits.layerBytes)
    throw tarOverLimit('layerBytes', limits.layerBytes, 'size of a sparse file', entry.name);
}
