import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Header, pack, type Pack } from 'tar-stream';
import type { BlobRef } from '../streams/blob-ref.ts';

/** What an archive of images is made of: small documents in memory, and blobs from files. A directory ends in `/`. */
export interface OuterMember {
  name: string;
  content: Buffer | (BlobRef & { size: number }) | null;
}

type Entry = ReturnType<Pack['entry']>;

const READ_BYTES = 1024 * 1024;
const BLOCK_BYTES = 512;

/**
 * Writes a tar of images to `to`, which is not ended. The members are sorted and nobody's, of no time, so that the same
 * images give the same bytes everywhere.
 */
export async function writeOuterArchive(
  members: readonly OuterMember[],
  to: Writable,
  signal?: AbortSignal,
): Promise<void> {
  const archive = pack();
  await Promise.all([
    pipeline(chunksOf(archive), to, { end: false, ...(signal === undefined ? {} : { signal }) }),
    addMembers(archive, sortedByName(members)).catch((error: Error) => archive.destroy(error)),
  ]);
}

/** An archive that is not written yet: what is in memory, and the blobs, each with its place. */
export interface OuterLayout {
  size: number;
  bytes: { at: number; content: Buffer }[];
  blobs: { at: number; blob: BlobRef & { size: number } }[];
}

/** Where everything of the archive goes that `writeOuterArchive` writes, so that many can write it at once. */
export async function layOutArchive(members: readonly OuterMember[]): Promise<OuterLayout> {
  const layout: OuterLayout = { size: 0, bytes: [], blobs: [] };
  for (const { name, content } of sortedByName(members)) {
    const isBlob = content !== null && !Buffer.isBuffer(content);
    const head = await headerBytes(name, isBlob ? content.size : (content?.length ?? 0));
    layout.bytes.push({ at: layout.size, content: head });
    layout.size += head.length;
    if (isBlob) layout.blobs.push({ at: layout.size, blob: content });
    else if (content !== null) layout.bytes.push({ at: layout.size, content });
    layout.size = roundedUp(layout.size + (content === null ? 0 : isBlob ? content.size : content.length));
  }
  // Two blocks of zeros end it.
  layout.size += 2 * BLOCK_BYTES;
  return layout;
}

const roundedUp = (size: number): number => Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;

/** What comes before a member's bytes, pax headers and all. */
async function headerBytes(name: string, size: number): Promise<Buffer> {
  const archive = pack();
  const entry = archive.entry(header(name, size), () => {});
  entry.on('error', () => {});
  await once(archive, 'readable');
  const chunks: Buffer[] = [];
  for (let chunk = archive.read(); chunk !== null; chunk = archive.read()) chunks.push(chunk as Buffer);
  archive.destroy();
  return Buffer.concat(chunks);
}

function sortedByName(members: readonly OuterMember[]): OuterMember[] {
  return members.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Piped as a stream, the archive would end `to` in spite of what the pipeline was told. */
async function* chunksOf(archive: Pack): AsyncGenerator<Buffer> {
  yield* archive as AsyncIterable<Buffer>;
}

async function addMembers(archive: Pack, members: readonly OuterMember[]): Promise<void> {
  for (const { name, content } of members) await addMember(archive, name, content ?? Buffer.alloc(0));
  archive.finalize();
}

async function addMember(archive: Pack, name: string, content: Buffer | (BlobRef & { size: number })): Promise<void> {
  const isFile = !Buffer.isBuffer(content);
  let entry!: Entry;
  const written = new Promise<void>((resolve, reject) => {
    const headers = header(name, isFile ? content.size : content.length);
    entry = archive.entry(headers, (error) => (error ? reject(error) : resolve()));
  });
  // The callback tells of errors; without a listener they would be thrown as well.
  entry.on('error', () => {});
  const fed = name.endsWith('/') ? Promise.resolve() : feed(entry, isFile ? readRange(content) : [content], written);
  await Promise.all([written, fed]);
}

async function feed(
  entry: Entry,
  chunks: AsyncIterable<Buffer> | Iterable<Buffer>,
  written: Promise<void>,
): Promise<void> {
  for await (const chunk of chunks) {
    if (!entry.write(chunk)) await Promise.race([once(entry, 'drain'), written]);
  }
  entry.end(undefined);
}

async function* readRange({ path, offset = 0, size }: BlobRef & { size: number }): AsyncGenerator<Buffer> {
  if (size === 0) return;
  yield* createReadStream(path, {
    start: offset,
    end: offset + size - 1,
    highWaterMark: READ_BYTES,
  }) as AsyncIterable<Buffer>;
}

function header(name: string, size: number): Pick<Header, 'name' | 'type' | 'size' | 'mode' | 'mtime' | 'uid' | 'gid'> {
  const isDirectory = name.endsWith('/');
  return {
    name,
    type: isDirectory ? 'directory' : 'file',
    size,
    mode: isDirectory ? 0o755 : 0o644,
    mtime: new Date(0),
    uid: 0,
    gid: 0,
  };
}
