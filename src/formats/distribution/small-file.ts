import { readFile, stat } from 'node:fs/promises';
import * as v from 'valibot';
import { kindOf } from '../../errors/arguments.ts';
import { engineError } from '../../errors/kinds.ts';
import type { EngineError } from '../../errors/engine-error.ts';
import { errnoOf } from '../../errors/system-error.ts';
import { quoted } from '../../image/strict-json.ts';

/** More than any sensible file; a device or a log given by mistake is refused. */
const MAX_BYTES = 1024 * 1024;

/** The text of a file; null when there is none. Throws INVALID_SETTING for what cannot be such a file. */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    const found = await stat(path);
    if (!found.isFile()) throw badFile(path, '', 'it is no regular file');
    if (found.size > MAX_BYTES) throw badFile(path, '', 'it is larger than 1 MiB');
    return await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return null;
    throw error;
  }
}

/** Checks what a file holds. The message names the place that is wrong and never what is there: it may be a secret. */
export function checkContent<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  file: string,
): v.InferOutput<Schema> {
  // valibot takes a list for an object.
  if (Array.isArray(value)) throw badFile(file, '', 'it cannot be a list');
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const key = (issue.path ?? []).map((item) => String(item.key)).join('.');
  throw badFile(file, key, `${key === '' ? 'it' : quoted(key)} cannot be ${kindOf(issue.input)}`);
}

export function badFile(file: string, key: string, problem: string): EngineError {
  return engineError('INVALID_SETTING', `${quoted(file)} is not usable: ${problem}`, { file, key });
}
