import { lstat, readdir, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { engineError } from '../../errors/kinds.ts';
import { errnoOf } from '../../errors/system-error.ts';
import type { DocumentLimits } from '../../image/document-limits.ts';
import { quoted } from '../../image/strict-json.ts';
import { readDocument } from '../read-document.ts';

const NOWHERE: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG']);

/**
 * What lies below a data directory, for reading only. Links that stay inside are followed: Docker 0.7 made some when it
 * moved layers to another file system. Paths are relative; their parts are ids and names that were checked.
 */
export class RootFiles {
  /** Free of links. */
  readonly root: string;
  readonly #inside: string;

  private constructor(root: string) {
    this.root = root;
    this.#inside = root.endsWith(sep) ? root : root + sep;
  }

  static async open(path: string): Promise<RootFiles> {
    return new RootFiles(await realpath(path));
  }

  /** Where `path` really is; null when nothing is there. Throws ENTRY_OUTSIDE_ROOT when a link leads out. */
  async find(path: string): Promise<string | null> {
    const real = await orNull(realpath(join(this.root, path)));
    if (real === null || `${real}${sep}`.startsWith(this.#inside)) return real;
    const message = `${quoted(path)} is a link out of the data directory; nothing outside it is read`;
    throw engineError('ENTRY_OUTSIDE_ROOT', message, { entry: path });
  }

  /** As `find`, for directories only. */
  async directory(path: string): Promise<string | null> {
    const real = await this.find(path);
    return real !== null && (await lstat(real)).isDirectory() ? real : null;
  }

  /** The names in a directory, sorted; none when it is not there. */
  async names(path: string): Promise<string[]> {
    const dir = await this.directory(path);
    return dir === null ? [] : (await readdir(dir)).sort();
  }

  /** A whole document; null when it is not there. Throws LIMIT_EXCEEDED, ARCHIVE_INVALID for what is no file. */
  async read(path: string, limits?: DocumentLimits): Promise<Buffer | null> {
    const real = await this.find(path);
    return real === null ? null : readDocument({ path: real }, path, limits);
  }

  /** As `read`, as text without the white space around it. */
  async text(path: string): Promise<string | null> {
    return (await this.read(path))?.toString('utf8').trim() ?? null;
  }
}

async function orNull<Value>(promise: Promise<Value>): Promise<Value | null> {
  try {
    return await promise;
  } catch (error) {
    if (NOWHERE.has(errnoOf(error))) return null;
    throw error;
  }
}
