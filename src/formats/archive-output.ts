import { createWriteStream } from 'node:fs';
import { rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { finished } from 'node:stream/promises';
import { engineError } from '../errors/kinds.ts';
import { errnoOf } from '../errors/system-error.ts';
import { syncDirectory } from '../streams/atomic-file.ts';
import type { BlobStaging } from './blob-staging.ts';
import type { FormatContext } from './context.ts';
import { syncFile } from './durable.ts';
import { type OuterMember, writeOuterArchive } from './tar-outer.ts';

/** Where an archive's blobs wait: beside the archive, so that one rename makes it appear; for stdout among the spools. */
export function stagingParent(path: string, context: FormatContext): string {
  return path === '-' ? context.tempDir : dirname(path);
}

/** Throws TERMINAL_OUTPUT for a stdout that somebody looks at, INVALID_ARGUMENT for a directory. */
export async function checkArchivePath(path: string, context: FormatContext): Promise<void> {
  if (path === '-') {
    if ((context.stdout ?? process.stdout).isTTY !== true) return;
    throw engineError('TERMINAL_OUTPUT', 'an archive is not written to a terminal; name a file or redirect stdout', {});
  }
  const isDirectory = await stat(path).then(
    (found) => found.isDirectory(),
    (error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return false;
      throw error;
    },
  );
  if (!isDirectory) return;
  throw engineError('INVALID_ARGUMENT', `${JSON.stringify(path)} is a directory; name the archive file`, {
    argument: path,
  });
}

/** Writes the archive as a whole: to stdout, or beside `path`, synced and renamed. */
export async function writeArchive(
  path: string,
  members: readonly OuterMember[],
  staging: BlobStaging,
  context: FormatContext,
): Promise<void> {
  if (path === '-') {
    await writeOuterArchive(members, context.stdout ?? process.stdout, context.signal);
    return;
  }
  const beside = join(staging.path, 'archive');
  const file = createWriteStream(beside, { mode: 0o644 });
  await writeOuterArchive(members, file, context.signal);
  file.end();
  await finished(file);
  await syncFile(beside);
  await rename(beside, path);
  await syncDirectory(dirname(path));
}
