import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { readPax } from '../src/archive/pax.ts';
import { tarInvalid, tarOverLimit, tarTruncated } from '../src/archive/tar-error.ts';
import { findByte } from '../src/archive/tar-fields.ts';
import {
  BLOCK_BYTES,
  checksumAgrees,
  FLAG,
  headerLinkname,
  headerName,
  readHeader,
  sumBlock,
} from '../src/archive/tar-header.ts';
import type { ArchiveMember, TaskInput, TaskOutput } from '../src/tasks/task-map.ts';
import type { TaskContext } from '../src/tasks/task-pool.ts';

/** Members of one archive: a thousand images of twenty layers have 80,000, and the whole list is one message. */
const MAX_MEMBERS = 500_000;
/** Headers lie far apart between layers and close together between small files; one read serves several of those. */
const WINDOW_BYTES = 64 * 1024;

/** What pax and GNU headers said about the member that follows them. */
interface Announced {
  name?: string;
  linkname?: string;
  size?: number;
  sparse?: boolean;
}

/**
 * Lists the members of an uncompressed tar. Only headers are read: bodies are skipped by position. Members that are no
 * files, directories or links are `other`, sparse ones too, since their bodies are not what their names promise.
 */
export function indexArchive(
  { blob, limits }: TaskInput<'archive.index'>,
  context: TaskContext,
): TaskOutput<'archive.index'> {
  const fd = openSync(blob.path, 'r');
  try {
    const start = blob.offset ?? 0;
    const end = blob.length === undefined ? fstatSync(fd).size : start + blob.length;
    return { members: [...listMembers(new Window(fd, start, end), limits, context)] };
  } finally {
    closeSync(fd);
  }
}

function* listMembers(
  window: Window,
  limits: TaskInput<'archive.index'>['limits'],
  context: TaskContext,
): Generator<ArchiveMember> {
  const maxMembers = Math.min(limits.entries, MAX_MEMBERS);
  let announced: Announced = {};
  let count = 0;
  for (let at = window.start; at < window.end;) {
    if (count % 64 === 0) context.cell.throwIfCancelled();
    const block = readBlock(window, at);
    if (block === null) return;
    const offset = at - window.start;
    const header = readHeader(block, 0, offset);
    const own = { name: headerName(block, 0, header.format), linkname: headerLinkname(block, 0) };
    const body = at + BLOCK_BYTES + sparseMapBytes(window, at, header.flag);
    // What pax says of the size is meant for the member, never for another header in between.
    const announces = isAnnouncement(header.flag);
    const size = bodySize(header.flag, announces ? header.size : (announced.size ?? header.size), offset);
    if (body + size > window.end) throw tarTruncated('a body', window.end - window.start);
    if (announces) {
      if (size > limits.metaBytes) throw tarOverLimit('metaBytes', limits.metaBytes, 'a pax or long-name header');
      announce(announced, header.flag, window.read(body, size, 'a pax or long-name header'), offset);
    } else if (header.flag !== FLAG.paxGlobal) {
      count += 1;
      if (count > maxMembers) throw tarOverLimit('members', maxMembers, 'the members of the archive');
      const name = announced.name ?? own.name;
      const linkname = announced.linkname ?? own.linkname;
      yield { name, type: announced.sparse ? 'other' : typeOf(header.flag, name), linkname, offset: body, size };
      announced = {};
    }
    at = body + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
  }
}

/** Null at the zero block that ends the archive. */
function readBlock(window: Window, at: number): Buffer | null {
  const block = window.read(at, BLOCK_BYTES, 'a header');
  const sum = sumBlock(block, 0);
  if (sum === 0) return null;
  if (!checksumAgrees(block, 0, sum)) throw tarInvalid('the checksum of a header is wrong', at - window.start);
  return block;
}

/** Links, directories and devices have no body, whatever their size says. */
function bodySize(flag: number, size: number, offset: number): number {
  if (flag >= FLAG.hardlink && flag <= FLAG.fifo) return 0;
  if (!Number.isSafeInteger(size) || size < 0) throw tarInvalid(`a member of ${size} bytes`, offset);
  return size;
}

/** GNU sparse headers go on in further blocks as long as a flag says so. */
function sparseMapBytes(window: Window, at: number, flag: number): number {
  if (flag !== FLAG.gnuSparse) return 0;
  let bytes = 0;
  let more = window.read(at, BLOCK_BYTES, 'a header')[482];
  while (more) {
    bytes += BLOCK_BYTES;
    more = window.read(at + bytes, BLOCK_BYTES, 'a sparse map')[504];
  }
  return bytes;
}

function isAnnouncement(flag: number): boolean {
  return flag === FLAG.pax || flag === FLAG.longName || flag === FLAG.longLink;
}

function announce(into: Announced, flag: number, body: Buffer, offset: number): void {
  if (flag !== FLAG.pax) {
    const text = body.toString('latin1', 0, findByte(body, 0, 0, body.length));
    into[flag === FLAG.longName ? 'name' : 'linkname'] = text;
    return;
  }
  const pax = readPax(body, 0, body.length, offset);
  if (pax.path !== null) into.name = pax.path;
  if (pax.linkpath !== null) into.linkname = pax.linkpath;
  if (pax.size !== null) into.size = pax.size;
  if (pax.sparse !== null) into.sparse = true;
}

function typeOf(flag: number, name: string): ArchiveMember['type'] {
  switch (flag) {
    case FLAG.nul:
    case FLAG.file:
    case FLAG.contiguous:
      // Before POSIX a directory was a file whose name ends in a slash.
      return name.endsWith('/') ? 'dir' : 'file';
    case FLAG.hardlink:
      return 'hardlink';
    case FLAG.symlink:
      return 'symlink';
    case FLAG.dir:
      return 'dir';
    default:
      return 'other';
  }
}

/** Reads small pieces of a range of a file through one buffer. */
class Window {
  readonly start: number;
  readonly end: number;
  readonly #fd: number;
  readonly #buffer = Buffer.allocUnsafe(WINDOW_BYTES);
  #from = 0;
  #filled = 0;

  constructor(fd: number, start: number, end: number) {
    this.#fd = fd;
    this.start = start;
    this.end = end;
  }

  /** `length` bytes at `at`; small ones are valid until the next read. */
  read(at: number, length: number, what: string): Buffer {
    if (at + length > this.end) throw tarTruncated(what, this.end - this.start);
    if (length > WINDOW_BYTES) return this.#fill(Buffer.alloc(length), at, what);
    if (at < this.#from || at + length > this.#from + this.#filled) {
      this.#filled = Math.min(WINDOW_BYTES, this.end - at);
      this.#fill(this.#buffer.subarray(0, this.#filled), at, what);
      this.#from = at;
    }
    return this.#buffer.subarray(at - this.#from, at - this.#from + length);
  }

  #fill(into: Buffer, at: number, what: string): Buffer {
    for (let done = 0; done < into.length;) {
      const read = readSync(this.#fd, into, done, into.length - done, at + done);
      if (read === 0) throw tarTruncated(what, at + done - this.start);
      done += read;
    }
    return into;
  }
}
