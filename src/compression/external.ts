import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, constants, open, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { engineError } from '../errors/kinds.ts';
import { cancelled, onAbort } from '../streams/abort.ts';
import type { BlobRef } from '../streams/blob-ref.ts';
import type { ExpansionLimits } from './codec.ts';
import { checkExpansion, invalidStream } from './expansion.ts';

/** Programs are taken from the system's own directories only, never from where PATH leads. */
const DIRECTORIES = ['/usr/bin', '/bin'];
/** Largest dictionaries that xz makes by itself (level 9) need 65 MiB to unpack. */
const XZ_MEMORY = '256MiB';
/** What a program says about its failure is a line. */
const STDERR_BYTES = 4096;

const PROGRAMS: Readonly<Record<'xz' | 'bzip2', { package: string; args: string[] }>> = {
  xz: { package: 'xz-utils', args: ['-d', '-c', '-q', `--memlimit-decompress=${XZ_MEMORY}`] },
  bzip2: { package: 'bzip2', args: ['-d', '-c', '-q'] },
};

export interface ExternalUnpacking {
  blob: BlobRef;
  compression: 'xz' | 'bzip2';
  /** A new file; it is removed when anything fails. */
  to: string;
  limits: ExpansionLimits;
  signal?: AbortSignal | undefined;
}

/**
 * Unpacks xz or bzip2 with the system's program, on the main thread. Throws PROGRAM_MISSING, COMPRESSION_INVALID,
 * LIMIT_EXCEEDED, DIGEST_MISMATCH, CANCELLED; the program has ended in every case.
 */
export async function unpackWithProgram(work: ExternalUnpacking): Promise<{ size: number }> {
  const program = await find(work.compression);
  const output = await open(work.to, 'wx', 0o600);
  try {
    return { size: await run(program, work, output) };
  } catch (error) {
    await rm(work.to, { force: true });
    throw error;
  } finally {
    await output.close();
  }
}

async function find(compression: 'xz' | 'bzip2'): Promise<string> {
  for (const directory of DIRECTORIES) {
    const path = `${directory}/${compression}`;
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  const { package: debian } = PROGRAMS[compression];
  const message = `reading ${compression} needs the program ${compression} (Debian package ${debian}), which is not installed`;
  throw engineError('PROGRAM_MISSING', message, { program: compression, package: debian });
}

async function run(
  program: string,
  work: ExternalUnpacking,
  output: Awaited<ReturnType<typeof open>>,
): Promise<number> {
  const { blob, compression, limits, signal } = work;
  const child = spawn(program, PROGRAMS[compression].args, { stdio: 'pipe', env: { LC_ALL: 'C' }, cwd: '/' });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  child.once('error', () => {});
  const deafen = onAbort(signal, () => child.kill('SIGKILL'));
  let complaint = '';
  child.stderr.on('data', (text: Buffer) => {
    if (complaint.length < STDERR_BYTES) complaint += text.toString('utf8');
  });
  const fed = feed(blob, child.stdin);
  try {
    let size = 0;
    let failure: unknown = null;
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      // After a failure the rest is still read, so that the program can end.
      if (failure !== null) continue;
      try {
        size += chunk.length;
        checkExpansion(fed.bytes(), size, limits);
        await output.writeFile(chunk);
      } catch (error) {
        failure = error;
        child.kill('SIGKILL');
      }
    }
    const code = await ended;
    if (signal?.aborted === true) throw cancelled(signal);
    if (failure !== null) throw failure;
    if (code !== 0) throw invalidStream(compression, complaint.trim() || `${compression} ended with ${String(code)}`);
    await fed.done;
    fed.check();
    return size;
  } finally {
    deafen();
    child.kill('SIGKILL');
    await ended;
    await fed.done.catch(() => {});
  }
}

/** Writes the blob to the program and hashes it on the way. A program that stops reading is told by its exit code. */
function feed(blob: BlobRef, stdin: NodeJS.WritableStream): { done: Promise<void>; bytes(): number; check(): void } {
  const start = blob.offset ?? 0;
  const end = blob.length === undefined ? Infinity : start + blob.length - 1;
  const hash = createHash('sha256');
  let bytes = 0;
  const source = createReadStream(blob.path, { start, end });
  source.on('data', (chunk) => {
    bytes += chunk.length;
    hash.update(chunk);
  });
  const done = pipeline(source, stdin).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  });
  return {
    done,
    bytes: () => bytes,
    check: () => {
      const actual = `sha256:${hash.digest('hex')}`;
      if (blob.digest === undefined || !blob.digest.startsWith('sha256:') || blob.digest === actual) return;
      const message = `the bytes of blob ${blob.digest} have digest ${actual}; fetch or save it again`;
      throw engineError('DIGEST_MISMATCH', message, { what: 'blob', expected: blob.digest, actual });
    },
  };
}
