import { open, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expansionLimits } from '../archive/limits.ts';
import type { TarSource } from '../archive/tar-source.ts';
import type { Compression } from '../compression/codec.ts';
import { DETECT_BYTES, detectCompression } from '../compression/detect.ts';
import { badArgument, kindOf } from '../errors/arguments.ts';
import { engineError } from '../errors/kinds.ts';
import { asEngineError } from '../errors/wire.ts';
import { isPending, type PendingBlob } from '../image/pending-blob.ts';
import type { BlobRef } from '../streams/blob-ref.ts';
import { type ByteSource, spoolToFile } from '../streams/spool.ts';
import type { GraphContext, WorkOptions } from './context.ts';
import type { LayerSpool } from './layer-spool.ts';

/**
 * A layer as callers give it: the path of a tar, a range of a file, a stream of its bytes, bytes that have yet to be
 * obtained, or null for none.
 */
export type LayerInput = string | BlobRef | PendingBlob | ByteSource | TarSource | null;

/** A layer that a thread can read. */
export interface PreparedLayer {
  source: TarSource;
  /** As the first bytes say; `none` for what is not a blob. */
  compression: Compression;
}

/** Throws INVALID_ARGUMENT for what is no layer: who means none says null, so that a slip is never an empty image. */
export function requireLayer(input: unknown): asserts input is LayerInput {
  if (input === null || typeof input === 'string') return;
  if (
    typeof input === 'object' &&
    (Symbol.asyncIterator in input || 'path' in input || 'from' in input || 'obtain' in input)
  )
    return;
  throw badArgument('layer', `a layer is a path, a range of a file, a stream of bytes or null, not ${kindOf(input)}`);
}

/** Gets a layer ready for a thread: what is no file yet is written into the spool, xz and bzip2 are unpacked there. */
export async function prepareLayer(
  context: GraphContext,
  input: LayerInput,
  spool: LayerSpool,
  options: WorkOptions,
): Promise<PreparedLayer> {
  if (input === null) return { source: { from: 'empty' }, compression: 'none' };
  if (typeof input === 'string') return prepareBlob(context, { path: input }, spool, options);
  if (isStream(input)) return prepareBlob(context, await spooled(context, input, spool, options), spool, options);
  if (isPending(input)) return prepareBlob(context, await obtained(input, spool, options), spool, options);
  if ('path' in input) return prepareBlob(context, input, spool, options);
  if (input.from === 'blob') return prepareBlob(context, input.blob, spool, options);
  return { source: input, compression: 'none' };
}

async function spooled(
  context: GraphContext,
  input: ByteSource,
  spool: LayerSpool,
  { signal }: WorkOptions,
): Promise<BlobRef> {
  const { path } = await spoolToFile(input, join(spool.path, 'spooled'), {
    maxBytes: context.limits.layerBytes,
    room: (bytes) => spool.share.grow(bytes, signal),
    signal,
  });
  return { path };
}

async function obtained(
  input: PendingBlob,
  { path, share }: LayerSpool,
  { signal, onWarning }: WorkOptions,
): Promise<BlobRef> {
  const room = (bytes: number): Promise<void> => share.grow(bytes, signal);
  if (input.size !== undefined) await room(input.size);
  const options = input.size === undefined ? { signal, onWarning, room } : { signal, onWarning };
  return input.obtain(join(path, 'obtained'), options);
}

async function prepareBlob(
  context: GraphContext,
  given: BlobRef,
  spool: LayerSpool,
  { signal }: WorkOptions,
): Promise<PreparedLayer> {
  // Threads open nothing through a link, so that they can never be led elsewhere.
  const blob = { ...given, path: await realpath(given.path).catch(rethrowCoded) };
  if (!(await stat(blob.path)).isFile()) {
    throw engineError('INVALID_ARGUMENT', `a layer is a file: ${JSON.stringify(given.path)}`, { argument: given.path });
  }
  const compression = await compressionOf(blob);
  if (compression !== 'xz' && compression !== 'bzip2') return { source: { from: 'blob', blob }, compression };
  const { unpackWithProgram } = await import('../compression/external.ts');
  const to = join(spool.path, 'unpacked');
  const limits = expansionLimits(context.limits);
  const room = (bytes: number): Promise<void> => spool.share.grow(bytes, signal);
  await unpackWithProgram({ blob, compression, to, limits, room, signal });
  return { source: { from: 'blob', blob: { path: to } }, compression };
}

/** How a blob is packed, as its first bytes say. */
export async function compressionOf(blob: BlobRef): Promise<Compression> {
  return detectCompression(await firstBytes(blob));
}

async function firstBytes({ path, offset = 0, length }: BlobRef): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const head = Buffer.alloc(Math.min(DETECT_BYTES, length ?? DETECT_BYTES));
    const { bytesRead } = await file.read(head, 0, head.length, offset);
    return head.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function rethrowCoded(error: unknown): never {
  throw asEngineError(error);
}

function isStream(input: Exclude<LayerInput, string | null>): input is ByteSource {
  return input instanceof Readable || Symbol.asyncIterator in input;
}
