import type { Bytes } from '../system/system.ts';
import type { SparseRecords } from './pax.ts';
import { tarInvalid } from './tar-error.ts';
import type { SparseRun } from './tar-entry.ts';

/** Where the map of a sparse file in pax form is: in its records or at the start of its body; null for no such file. */
export function paxSparseForm(records: SparseRecords): 'records' | 'body' | null {
  const major = records.fields.get('major') ?? '';
  const minor = records.fields.get('minor') ?? '';
  if (major === '0' && (minor === '0' || minor === '1')) return 'records';
  if (major === '1' && minor === '0') return 'body';
  if (major !== '' || minor !== '') return null;
  return mapItems(records).length > 0 ? 'records' : null;
}

/** The file's own name; its headers carry a made-up one. `''` when the records have none. */
export function paxSparseName(records: SparseRecords): Bytes {
  return paxSparseForm(records) === null ? '' : (records.fields.get('name') ?? '');
}

/** The logical size that the records name; null when they name none. */
export function paxSparseSize(records: SparseRecords, offset: number): number | null {
  const text = records.fields.get('size') || records.fields.get('realsize') || '';
  return text === '' ? null : toNumber(text, offset);
}

/** The runs of forms 0.0 and 0.1. */
export function paxSparseRuns(records: SparseRecords, offset: number): SparseRun[] {
  const items = mapItems(records);
  const count = toNumber(records.fields.get('numblocks') ?? '', offset);
  if (items.length !== 2 * count) throw tarInvalid('the sparse map has not as many runs as it says', offset);
  const runs: SparseRun[] = [];
  for (let i = 0; i < items.length; i += 2) {
    runs.push({ offset: toNumber(items[i]!, offset), length: toNumber(items[i + 1]!, offset) });
  }
  return runs;
}

function mapItems({ fields, pairs }: SparseRecords): Bytes[] {
  if (pairs.length > 0) return pairs;
  const map = fields.get('map') ?? '';
  return map === '' ? [] : map.split(',');
}

function toNumber(text: Bytes, offset: number): number {
  if (!/^\d{1,19}$/.test(text)) throw tarInvalid('a number of the sparse map is malformed', offset);
  return Number(text);
}
