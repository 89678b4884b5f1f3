import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { engineError } from '../errors/kinds.ts';
import { withPath } from '../errors/system-error.ts';
import type { Digest } from '../identity/digest.ts';
import { abortable } from './abort.ts';

export type ByteSource = Readable | AsyncIterable<Uint8Array>;

export interface SpoolOptions {
  /** More bytes than this are refused with LIMIT_EXCEEDED. */
  maxBytes: number;
  signal?: AbortSignal | undefined;
  /** Waits until that many bytes more may be written. */
  room?: ((bytes: number) => Promise<void>) | undefined;
}

export interface SpooledFile {
  path: string;
  size: number;
  digest: Digest;
}

/**
 * Writes a stream into the new file `path` (0600), hashed on the way. When anything fails, the source too, the file is
 * removed, the source is destroyed or its iterator returned, and the error is the source's own.
 */
export async function spoolToFile(source: ByteSource, path: string, options: SpoolOptions): Promise<SpooledFile> {
  // An error that comes while nobody reads yet would end the process; the iterator tells it again.
  if (source instanceof Readable) source.on('error', () => {});
  const file = await open(path, 'wx', 0o600).catch((error: unknown) => {
    abandonSource(source);
    throw error;
  });
  try {
    const hash = createHash('sha256');
    let size = 0;
    for await (const chunk of bytesOf(source, options.signal)) {
      size += chunk.length;
      if (size > options.maxBytes) throw tooLong(options.maxBytes);
      await options.room?.(chunk.length);
      hash.update(chunk);
      await file.writeFile(chunk).catch((error: unknown) => {
        throw withPath(error, path);
      });
    }
    return { path, size, digest: `sha256:${hash.digest('hex')}` };
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

/** Gives up a stream that will not be read, so that whoever writes it does not wait for ever. */
export function abandonSource(source: ByteSource): void {
  if (source instanceof Readable) {
    // Its error, if it still has one to tell, is nobody's business any more.
    source.on('error', () => {}).destroy();
    return;
  }
  abandonIterator(source[Symbol.asyncIterator]());
}

/** Stops waiting for a source that is silent when `signal` aborts: its own `return` could wait for ever. */
async function* bytesOf(source: ByteSource, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const iterator = (source as AsyncIterable<unknown>)[Symbol.asyncIterator]();
  let finished = false;
  try {
    for (;;) {
      const step = await abortable(iterator.next(), signal);
      if (step.done === true) break;
      if (!(step.value instanceof Uint8Array)) throw notBytes();
      yield step.value;
    }
    finished = true;
  } finally {
    if (!finished) {
      if (source instanceof Readable) abandonSource(source);
      else abandonIterator(iterator);
    }
  }
}

function abandonIterator(iterator: AsyncIterator<unknown>): void {
  iterator.return?.().catch(() => {});
}

function tooLong(allowed: number): Error {
  return engineError('LIMIT_EXCEEDED', `the stream is longer than the ${allowed} bytes allowed`, {
    limit: 'spooled bytes',
    allowed,
  });
}

function notBytes(): Error {
  return engineError('INVALID_ARGUMENT', 'the stream gave something that is not bytes; give it no encoding', {
    argument: 'stream',
  });
}
