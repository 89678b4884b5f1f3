import { basename, dirname, join } from 'node:path';
import { engineError } from '../errors/kinds.ts';
import { type Destination, findDestination, replaceFile, writeTo } from '../streams/destination.ts';
import { writeInPlace } from './archive-in-place.ts';
import { BlobStaging, UNNAMED } from './blob-staging.ts';
import type { FormatContext } from './context.ts';
import { type OuterMember, writeOuterArchive } from './tar-outer.ts';

/** An archive that will be written as a whole, and where its blobs wait for that. */
export interface ArchiveOutput {
  blobs: BlobStaging;
  write(members: readonly OuterMember[]): Promise<void>;
}

/**
 * Throws TERMINAL_OUTPUT for a stdout that somebody looks at, and as `findDestination`. What becomes a file has its blobs
 * beside it, so that one rename makes it appear; for stdout, devices and FIFOs they are among the spools. Under the name
 * `resume` those of a file stay when the run is broken off (see `SinkOptions`).
 */
export async function openArchiveOutput(path: string, context: FormatContext, resume?: string): Promise<ArchiveOutput> {
  const destination = await findDestination(path);
  if (destination.kind === 'stdout') refuseTerminal(context);
  const parent = destination.kind === 'file' ? dirname(destination.path) : context.tempDir;
  const kept =
    destination.kind === 'file' && resume !== undefined ? `${resume}-${basename(destination.path)}` : undefined;
  const blobs = await BlobStaging.create(parent, { mayLink: true, resume: kept }, context);
  const write = async (members: readonly OuterMember[]): Promise<void> => {
    await writeArchive(destination, members, blobs, context);
    blobs.finish();
  };
  return { blobs, write };
}

async function writeArchive(
  destination: Destination,
  members: readonly OuterMember[],
  staging: BlobStaging,
  context: FormatContext,
): Promise<void> {
  const { signal, stdout = process.stdout } = context;
  if (destination.kind === 'stdout') return writeOuterArchive(members, stdout, signal);
  if (destination.kind === 'stream')
    return writeTo(destination, (to) => writeOuterArchive(members, to, signal), { signal });
  const beside = join(staging.path, `${UNNAMED}archive`);
  await replaceFile(destination.path, (path) => writeInPlace(members, path, context), { beside });
}

function refuseTerminal({ stdout = process.stdout }: FormatContext): void {
  if (stdout.isTTY !== true) return;
  throw engineError('TERMINAL_OUTPUT', 'an archive is not written to a terminal; name a file or redirect stdout', {});
}
