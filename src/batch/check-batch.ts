import type { Batch, BatchEntry } from './batch.ts';
import { checkFilter, nameTest } from './image-filter.ts';
import { checkRename } from './plan/rename.ts';
import { checkTarget } from './plan/target.ts';

/**
 * Refuses what no image could do anything with: a target that nothing can be written to, expressions that are none. A job
 * file has been held to the same, with its lines. Throws INVALID_ARGUMENT, INVALID_NAME, ….
 */
export function checkBatch({ entries }: Batch): void {
  for (const entry of entries) checkEntry(entry);
}

function checkEntry({ source, target, filter = {}, rename = [] }: BatchEntry): void {
  checkTarget(target);
  checkFilter(filter);
  if (source.type === 'registry') nameTest(source.repositories ?? {});
  for (const rule of rename) checkRename(rule);
}
