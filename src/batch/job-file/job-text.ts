import { readFile, stat } from 'node:fs/promises';
import { fromSystemError } from '../../errors/system-error.ts';
import { jobFileInvalid } from './problems.ts';

/** Enough for a hundred thousand images; a disk or an archive given by mistake is refused. */
const MAX_BYTES = 16 * 1024 * 1024;

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** The text of a job file or list. Throws FILE_NOT_FOUND, PERMISSION_DENIED or JOB_FILE_INVALID. */
export async function readJobText(file: string): Promise<string> {
  const raw = await readSmall(file);
  try {
    return UTF8.decode(raw);
  } catch {
    throw unusable(file, 'it is not UTF-8 text');
  }
}

async function readSmall(file: string): Promise<Buffer> {
  try {
    const found = await stat(file);
    if (!found.isFile()) throw unusable(file, 'it is no regular file');
    if (found.size > MAX_BYTES) throw unusable(file, 'it is larger than 16 MiB; it is no job file');
    return await readFile(file);
  } catch (error) {
    throw fromSystemError(error) ?? error;
  }
}

function unusable(file: string, message: string): Error {
  return jobFileInvalid(file, [{ path: [], line: null, message }]);
}
