import { createReadStream, createWriteStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { engineError, hasCode } from '../errors/kinds.ts';
import type { BlobRef } from '../streams/blob-ref.ts';
import type { ArchiveMember } from '../tasks/task-map.ts';
import type { FormatContext } from './context.ts';
import { Members, memberInvalid } from './members.ts';
import { readDocument } from './read-document.ts';
import { openSpool, type Spool } from './spool.ts';
import { unpackArchive } from './unpack-archive.ts';

/** An archive of images, uncompressed, with an index of its members: layers are read in place, by their ranges. */
export interface ArchiveFile {
  readonly members: Members;
  /** Where a member's bytes are. */
  blob(member: ArchiveMember): BlobRef;
  /** The whole of a member that is a document; `name` is for messages. */
  read(member: ArchiveMember, name: string): Promise<Buffer>;
  /** Removes what was spooled. */
  close(): Promise<void>;
}

/**
 * Opens the archive at `path`, or stdin for `-`. What is compressed, and what cannot be read twice (a pipe), is spooled
 * below `tempDir` first. Throws NOT_AN_IMAGE for what is no tar.
 */
export async function openArchive(path: string, context: FormatContext): Promise<ArchiveFile> {
  const spool = await openSpool(context);
  try {
    const packed = await asRegularFile(path, spool, context);
    const file = await unpackArchive(packed, spool, context);
    // A packed archive that was spooled is needed no more.
    if (file !== packed && packed.startsWith(spool.path)) await spool.forget(packed);
    const members = await indexMembers(file, path, context);
    // It stays until the source is closed, whatever its layers need meanwhile.
    spool.share.stepAside();
    return archiveFile(file, members, context, () => spool.remove());
  } catch (error) {
    await spool.remove();
    throw error;
  }
}

async function asRegularFile(path: string, spool: Spool, context: FormatContext): Promise<string> {
  if (path === '-') return spoolStream(context.stdin ?? process.stdin, spool, context.signal);
  // Readers of blobs follow no link, so the path that they get must not be one.
  const real = await realpath(path);
  if ((await stat(real)).isFile()) return real;
  return spoolStream(createReadStream(real), spool, context.signal);
}

async function spoolStream(from: Readable, { path, share }: Spool, signal: AbortSignal | undefined): Promise<string> {
  const to = join(path, 'spooled');
  const counted = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      await share.grow(chunk.length, signal);
      yield chunk;
    }
  };
  await pipeline(from, counted, createWriteStream(to), signal === undefined ? {} : { signal });
  return to;
}

async function indexMembers(file: string, path: string, context: FormatContext): Promise<Members> {
  try {
    const input = { blob: { path: file }, limits: context.limits };
    const { members } = await context.pool.run('archive.index', input, { signal: context.signal });
    return new Members(members);
  } catch (error) {
    if (hasCode(error, 'TAR_INVALID') && error.details.offset === 0)
      throw notAnImage(path, 'it is no tar archive', error);
    throw error;
  }
}

function archiveFile(path: string, members: Members, context: FormatContext, close: () => Promise<void>): ArchiveFile {
  const blob = (member: ArchiveMember): BlobRef => ({ path, offset: member.offset, length: member.size });
  return { members, blob, read: (member, name) => readDocument(blob(member), name, context.documents), close };
}

/** The document `name` of an archive, which must not be a link; null when it is missing. */
export async function readPlain(archive: ArchiveFile, name: string): Promise<Buffer | null> {
  const member = archive.members.plainFile(name);
  if (member === undefined) return null;
  if (archive.members.isRepeated(name))
    throw memberInvalid(name, 'there are two of them, and tools differ in which they read');
  return archive.read(member, name);
}

export function notAnImage(path: string, why: string, cause?: unknown): Error {
  return engineError('NOT_AN_IMAGE', `${JSON.stringify(path)} holds no image: ${why}`, { path }, cause);
}
