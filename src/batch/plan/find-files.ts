import { type Dirent, readdir } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { glob } from 'tinyglobby';
import { engineError } from '../../errors/kinds.ts';
import { errnoOf } from '../../errors/system-error.ts';
import { asEngineError } from '../../errors/wire.ts';
import { parseLocation } from '../../formats/transports.ts';
import { quoted } from '../../image/strict-json.ts';
import { throwIfAborted } from '../../streams/abort.ts';

/** What a pattern of these fits is a directory. */
const DIRECTORIES: readonly (string | null)[] = ['oci', 'dir'];

/**
 * The places that a pattern fits, as `openSource` takes them, in the order of their names; a file that it finds in two ways
 * is one. Names that begin with a dot have to be asked for. Throws FILE_NOT_FOUND when there is none, and PERMISSION_DENIED,
 * … for a directory that cannot be looked into: nobody knows what is missing then.
 */
export async function filesOf(pattern: string, signal: AbortSignal): Promise<string[]> {
  const { transport, path, ref } = parseLocation(pattern);
  const onlyDirectories = DIRECTORIES.includes(transport);
  const found = await search(path, onlyDirectories, signal);
  const own = await withoutSame(found.sort(byName));
  if (own.length > 0) return own.map((file) => locationOf(transport, file, ref));
  const what = onlyDirectories ? 'directory' : 'file';
  throw engineError('FILE_NOT_FOUND', `${quoted(pattern)} fits no ${what}; check it with ls`, { path: pattern });
}

async function search(pattern: string, onlyDirectories: boolean, signal: AbortSignal): Promise<string[]> {
  // The search looks into everything between where it begins and the pattern.
  const [start = ''] = /^(?:\/+|(?:\.{1,2}\/+)*)/.exec(pattern)!;
  const failed: NodeJS.ErrnoException[] = [];
  const found = await glob(pattern.slice(start.length), {
    cwd: resolve(start),
    onlyDirectories,
    expandDirectories: false,
    signal,
    fs: { readdir: noting(failed) },
  });
  throwIfAborted(signal);
  const unseen = failed.find(({ code }) => code !== 'ENOENT' && code !== 'ENOTDIR');
  if (unseen !== undefined) throw asEngineError(unseen);
  return found.map((file) => start + file.replace(/(?<=.)\/$/, ''));
}

/** The search leaves out what it cannot read, without a word. */
function noting(failed: NodeJS.ErrnoException[]): typeof readdir {
  const noted = (
    path: string,
    options: { withFileTypes: true },
    done: (error: Error | null, found: Dirent[]) => void,
  ): void =>
    readdir(path, options, (error, found) => {
      if (error !== null) failed.push(error);
      done(error, found);
    });
  return noted as typeof readdir;
}

function byName(a: string, b: string): number {
  return Number(a > b) - Number(a < b);
}

/** Links, and those that lead in circles, give a file more than one name. */
async function withoutSame(files: readonly string[]): Promise<string[]> {
  const seen = new Set<string>();
  const own: string[] = [];
  for (const file of files) {
    const real = await realOf(file);
    if (!seen.has(real)) own.push(file);
    seen.add(real);
  }
  return own;
}

/** A file that has gone stands for itself: whoever reads it says what is wrong. */
async function realOf(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return file;
  }
}

function locationOf(transport: string | null, file: string, ref: string | null): string {
  // In `PATH:REF` a path ends at its first colon; as a bare path it is found out what the file is.
  const isBare = transport === null || (transport !== 'dir' && file.includes(':'));
  if (!isBare) return `${transport}:${file}${ref === null ? '' : `:${ref}`}`;
  return parseLocation(file).transport === null && file !== '-' ? file : `./${file}`;
}
