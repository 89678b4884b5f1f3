import { randomBytes } from 'node:crypto';
import { constants, createWriteStream, openSync } from 'node:fs';
import { open, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { basename, dirname, join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import { engineError } from '../errors/kinds.ts';
import { errnoOf } from '../errors/system-error.ts';
import { throwIfAborted } from './abort.ts';
import { syncDirectory, syncFile, UNFINISHED } from './atomic-file.ts';

/**
 * What a path that a person gave for output is:
 * - `stdout`: what our own stdout is already, under whatever name;
 * - `file`: a regular file, there or to be made, at the end of all links: it is replaced as a whole;
 * - `stream`: a device, a FIFO or an open descriptor: bytes go straight into it, and it stays what it is.
 */
export type Destination =
  | { kind: 'stdout' }
  | { kind: 'file'; path: string }
  | { kind: 'stream'; open(signal?: AbortSignal): Promise<Writable> };

export interface FileWriteOptions {
  /** Where the unfinished file lies, on the file system of the finished one; beside it by default. */
  beside?: string;
  signal?: AbortSignal | undefined;
}

/** As many as Linux follows. */
const MOST_LINKS = 40;

/** How often we look whether a FIFO has a reader. */
const READER_PAUSE_MS = 20;

/** Finds out what `path` is; `-` is stdout. Throws INVALID_ARGUMENT for a directory and for links without an end. */
export async function findDestination(path: string): Promise<Destination> {
  if (path === '-') return { kind: 'stdout' };
  const end = await endOfLinks(path);
  const descriptor = ownDescriptor(end);
  if (descriptor === 1) return { kind: 'stdout' };
  if (descriptor !== null) return { kind: 'stream', open: () => Promise.resolve(streamOf(descriptor)) };
  const found = await stat(end).catch(noneIfMissing);
  if (found?.isDirectory() === true) throw isDirectory(path);
  if (found?.isFIFO() === true) return { kind: 'stream', open: (signal) => openFifo(end, signal) };
  const isPlain = found === null || (found.isFile() && !isDescriptor(dirname(end)));
  return isPlain ? { kind: 'file', path: end } : { kind: 'stream', open: () => openAsItIs(end) };
}

/**
 * Gives `write` a stream and ends it; then what was written is at the destination. A file appears, or replaces another,
 * when it is complete and synced; when `write` fails there is nothing of it.
 */
export async function writeTo(
  destination: Exclude<Destination, { kind: 'stdout' }>,
  write: (to: Writable) => Promise<void>,
  options: FileWriteOptions = {},
): Promise<void> {
  if (destination.kind === 'file') {
    const fill = (path: string): Promise<void> =>
      writeAndEnd(createWriteStream(path, { flags: 'wx', mode: 0o666 }), write);
    return replaceFile(destination.path, fill, options);
  }
  await writeAndEnd(await destination.open(options.signal), write);
}

/**
 * Lets `fill` make a file, named by its argument, that then appears as `path`, or replaces it, complete and synced; when
 * `fill` fails there is nothing of it.
 */
export async function replaceFile(
  path: string,
  fill: (unfinished: string) => Promise<void>,
  { beside = `${path}.${randomBytes(8).toString('hex')}${UNFINISHED}` }: Pick<FileWriteOptions, 'beside'> = {},
): Promise<void> {
  try {
    await fill(beside);
    await syncFile(beside);
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true }).catch(() => {});
    throw error;
  }
  await syncDirectory(dirname(path));
}

async function writeAndEnd(to: Writable, write: (to: Writable) => Promise<void>): Promise<void> {
  const end = finished(to, { readable: false });
  // It is awaited below; when `write` fails first, that is the error to tell.
  end.catch(() => {});
  try {
    await write(to);
    to.end();
    await end;
  } catch (error) {
    to.destroy();
    await end.catch(() => {});
    throw error;
  }
}

/** Where the links end that `path` may be: also at a name that nothing has yet. */
async function endOfLinks(path: string): Promise<string> {
  let at = resolve(path);
  for (let links = 0; links <= MOST_LINKS; links++) {
    // The directory may be reached through links itself, and `..` in a link means the real one.
    const directory = await realpath(dirname(at)).catch(noneIfMissing);
    if (directory === null) return at;
    at = join(directory, basename(at));
    if (isDescriptor(directory)) return at;
    const target = await readlink(at).catch(noneIfNoLink);
    if (target === null) return at;
    at = resolve(directory, target);
  }
  const message = `${JSON.stringify(path)} is a link that leads nowhere: there are too many links, or they go in circles`;
  throw engineError('INVALID_ARGUMENT', message, { argument: path });
}

/** Linux says what a process has open in /proc/PID/fd, other systems in /dev/fd. */
function isDescriptor(directory: string): boolean {
  return /^(?:\/proc\/\d+(?:\/task\/\d+)?|\/dev)\/fd$/.test(directory);
}

/** The number of our own descriptor that `path` names: /dev/stdout leads to one, and a shell's `>(…)` is one. */
function ownDescriptor(path: string): number | null {
  const directory = dirname(path);
  if (!isDescriptor(directory) || !/^\d+$/.test(basename(path))) return null;
  const own = directory === '/dev/fd' || directory.startsWith(`/proc/${process.pid}/`);
  return own ? Number(basename(path)) : null;
}

/** As it stands, at its own position: opened again, a file would begin at its start, and a socket cannot be. */
function streamOf(descriptor: number): Writable {
  return createWriteStream('', { fd: descriptor, autoClose: false });
}

/** The kernel would block the thread until somebody reads, and no signal could end that; so we ask now and then. */
async function openFifo(path: string, signal: AbortSignal | undefined): Promise<Writable> {
  for (;;) {
    throwIfAborted(signal);
    try {
      const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
      return new Socket({ fd, readable: false, writable: true });
    } catch (error) {
      if (errnoOf(error) !== 'ENXIO') throw error;
    }
    await setTimeout(READER_PAUSE_MS);
  }
}

/** Nothing is made or cut: whatever the name is by now, only something that is there is written into. */
async function openAsItIs(path: string): Promise<Writable> {
  return (await open(path, constants.O_WRONLY | constants.O_NOCTTY)).createWriteStream();
}

function noneIfMissing(error: unknown): null {
  if (errnoOf(error) === 'ENOENT') return null;
  throw error;
}

function noneIfNoLink(error: unknown): null {
  if (['EINVAL', 'ENOENT'].includes(errnoOf(error) ?? '')) return null;
  throw error;
}

function isDirectory(path: string): Error {
  return engineError('INVALID_ARGUMENT', `${JSON.stringify(path)} is a directory; name a file`, { argument: path });
}
