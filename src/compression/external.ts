import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { engineError } from '../errors/kinds.ts';
import { fromSystemError } from '../errors/system-error.ts';
import { type Digest, digestAlgorithm, digestMismatch } from '../identity/digest.ts';
import { cancelled, onAbort } from '../streams/abort.ts';
import type { BlobRef } from '../streams/blob-ref.ts';
import type { ExpansionLimits } from './codec.ts';
import { checkExpansion, invalidStream } from './expansion.ts';

/** Programs come from the system's own directories, never from wherever PATH leads. */
const DIRECTORIES = ['/usr/bin', '/bin'];
/** What a program has to say about its failure is a line or two. */
const COMPLAINT_BYTES = 4096;

/**
 * What is run for each compression. The largest dictionary that xz makes by itself (level 9) needs 65 MiB to unpack; a
 * hostile one could ask for 1.5 GiB.
 */
const PROGRAMS = {
  xz: { debian: 'xz-utils', args: ['-d', '-c', '-q', '--format=xz', '--memlimit-decompress=256MiB'] },
  bzip2: { debian: 'bzip2', args: ['-d', '-c', '-q'] },
} as const;

export interface ExternalUnpacking {
  blob: BlobRef;
  compression: 'xz' | 'bzip2';
  /** A new file; it is removed when anything fails. */
  to: string;
  limits: ExpansionLimits;
  /** Waits until that many bytes more may be written; the program waits too, for its pipe is full. */
  room?: ((bytes: number) => Promise<void>) | undefined;
  signal?: AbortSignal | undefined;
}

/** Bytes that went into the program, counted as they go, and their hash. */
interface Feeding {
  bytes: number;
  readonly hash: ReturnType<typeof createHash>;
}

/**
 * Unpacks xz or bzip2 with the system's program, on the main thread: a worker that waits for a pipe could not be
 * stopped. Throws PROGRAM_MISSING, COMPRESSION_INVALID, LIMIT_EXCEEDED, SIZE_MISMATCH, DIGEST_MISMATCH, CANCELLED. The
 * program has ended in every case.
 */
export async function unpackWithProgram(work: ExternalUnpacking): Promise<{ size: number }> {
  const program = find(work.compression);
  if (work.signal?.aborted === true) throw cancelled(work.signal);
  const output = await create(work.to);
  try {
    return { size: await run(program, work, output) };
  } catch (error) {
    output.destroy();
    await rm(work.to, { force: true });
    throw fromSystemError(error) ?? error;
  }
}

/** Separate, because a file that was there before is nobody's to remove. */
async function create(path: string): Promise<Writable> {
  try {
    return (await open(path, 'wx', 0o600)).createWriteStream();
  } catch (error) {
    throw fromSystemError(error) ?? error;
  }
}

function find(compression: 'xz' | 'bzip2'): string {
  const found = DIRECTORIES.map((directory) => `${directory}/${compression}`).find(isExecutable);
  if (found !== undefined) return found;
  const { debian } = PROGRAMS[compression];
  const message = `reading ${compression} needs the program ${compression}: install the package ${debian} (its Debian name)`;
  throw engineError('PROGRAM_MISSING', message, { program: compression, package: debian });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Feeds, keeps and waits side by side; the first that fails ends the program, and with it the other two. */
async function run(program: string, work: ExternalUnpacking, output: Writable): Promise<number> {
  const { blob, compression, limits, signal } = work;
  const feeding: Feeding = {
    bytes: 0,
    hash: createHash(blob.digest === undefined ? 'sha256' : digestAlgorithm(blob.digest)),
  };
  const child = spawn(program, PROGRAMS[compression].args, { stdio: 'pipe', env: { LC_ALL: 'C' }, cwd: '/' });
  const complaint = listen(child.stderr);
  const orKill = <Value>(part: Promise<Value>): Promise<Value> =>
    part.catch((error: unknown) => {
      child.kill('SIGKILL');
      throw error;
    });
  const deafen = onAbort(signal, () => child.kill('SIGKILL'));
  const [kept, fed, ended] = await Promise.allSettled([
    orKill(keep(child.stdout, output, work.room, (size) => checkExpansion(feeding.bytes, size, limits))),
    orKill(feed(blob, child.stdin, feeding)),
    exitOf(child),
  ]);
  deafen();
  if (signal?.aborted === true) throw cancelled(signal);
  if (ended.status === 'rejected') throw ended.reason;
  if (fed.status === 'rejected') throw fed.reason;
  if (kept.status === 'rejected') throw kept.reason;
  if (ended.value !== 0) throw invalidStream(compression, complaint().trim() || `${compression} failed`);
  checkFed(blob, feeding);
  return kept.value;
}

/** Writes what comes as long as `check` lets the size pass; answers the size. */
async function keep(
  stdout: Readable,
  output: Writable,
  room: ExternalUnpacking['room'],
  check: (size: number) => void,
): Promise<number> {
  let size = 0;
  const counted = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      size += chunk.length;
      check(size);
      await room?.(chunk.length);
      yield chunk;
    }
  };
  await pipeline(stdout, counted, output);
  return size;
}

async function feed(blob: BlobRef, stdin: Writable, feeding: Feeding): Promise<void> {
  const start = blob.offset ?? 0;
  const end = blob.length === undefined ? Infinity : start + blob.length - 1;
  const counted = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      feeding.bytes += chunk.length;
      feeding.hash.update(chunk);
      yield chunk;
    }
  };
  try {
    await pipeline(createReadStream(blob.path, { start, end }), counted, stdin);
  } catch (error) {
    // a program that stopped reading says why with its exit code
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EPIPE' && code !== 'ECONNRESET' && code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}

/** Collects the beginning of what is said and drops the rest, so that nobody waits for a reader. */
function listen(stderr: Readable): () => string {
  let text = '';
  stderr.setEncoding('utf8').on('data', (chunk: string) => {
    if (text.length < COMPLAINT_BYTES) text += chunk;
  });
  return () => text;
}

/** The exit code once the program has ended and its pipes are closed; null when a signal ended it. */
function exitOf(child: ChildProcessWithoutNullStreams): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
}

function checkFed(blob: BlobRef, feeding: Feeding): void {
  const what = blob.digest ?? blob.path;
  const size = blob.length ?? blob.size;
  if (size !== undefined && feeding.bytes !== size) {
    const message = `${JSON.stringify(what)} has ${feeding.bytes} bytes, ${size} were promised`;
    throw engineError('SIZE_MISMATCH', message, { what, expected: size, actual: feeding.bytes });
  }
  if (blob.digest === undefined) return;
  const actual: Digest = `${digestAlgorithm(blob.digest)}:${feeding.hash.digest('hex')}`;
  if (actual !== blob.digest) throw digestMismatch(blob.digest, actual);
}
