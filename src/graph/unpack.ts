import { lstat, mkdir, readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { TarSource } from '../archive/tar-source.ts';
import { engineError } from '../errors/kinds.ts';
import { type GraphContext, retainPresent, type WorkOptions } from './context.ts';
import { layerSource } from './layer-source.ts';
import { historyOf, isHead } from './layers.ts';

/**
 * Makes the whole file tree of an image in `dir`, which is made or must be empty. Throws DIRECTORY_NOT_EMPTY; what was
 * written before a failure stays, for it is the caller's directory.
 */
export async function unpack(
  context: GraphContext,
  id: string,
  dir: string,
  options: WorkOptions = {},
): Promise<number> {
  const target = await emptyDirectory(dir);
  const release = retainPresent(context, id);
  try {
    const layers: TarSource[] = [];
    for (const image of historyOf(context, id).reverse())
      if (!(await isHead(context, image.id))) layers.push(await layerSource(context, image.id));
    const input = { layers, dir: target, limits: context.limits };
    return (await context.pool.run('tree.unpack', input, { ...options, job: id })).entries;
  } finally {
    release();
  }
}

/** The parents of the directory may be links, it may not: a link could lead anywhere by the time we write. */
async function emptyDirectory(dir: string): Promise<string> {
  const path = resolve(dir);
  await mkdir(dirname(path), { recursive: true });
  const target = join(await realpath(dirname(path)), basename(path));
  const stat = await lstat(target).catch(() => null);
  if (stat === null) await mkdir(target, { mode: 0o755 });
  else if (!stat.isDirectory()) throw notADirectory(dir);
  if ((await readdir(target)).length === 0) return target;
  const message = `the directory ${JSON.stringify(dir)} is not empty; give one that is empty or does not exist`;
  throw engineError('DIRECTORY_NOT_EMPTY', message, { path: dir });
}

function notADirectory(dir: string): Error {
  const message = `${JSON.stringify(dir)} is a link or a file; give a directory that is empty or does not exist`;
  return engineError('INVALID_ARGUMENT', message, { argument: 'DIR', value: dir });
}
