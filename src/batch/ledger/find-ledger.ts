import { open, stat } from 'node:fs/promises';
import { errnoOf } from '../../errors/system-error.ts';
import { ledgerPath } from './open-ledger.ts';

/** Begins every SQLite database (https://www.sqlite.org/fileformat2.html, section 1.3). */
const SQLITE = 'SQLite format 3\0';

/** The ledger that a person means by a path: that file, or the one beside the job file; null when it is neither. */
export async function findLedger(path: string): Promise<string | null> {
  if (await isLedger(path)) return path;
  const beside = ledgerPath(path, '', process.env);
  return (await isFile(path)) && (await isLedger(beside)) ? beside : null;
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

async function isLedger(path: string): Promise<boolean> {
  if (!(await isFile(path))) return false;
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(SQLITE.length), 0, SQLITE.length, 0);
    return buffer.toString('latin1', 0, bytesRead) === SQLITE;
  } finally {
    await file.close();
  }
}

function isMissing(error: unknown): boolean {
  return errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR';
}
