import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { profileFor } from '../compression/codecs.ts';
import type { CompressionProfile, PackingName } from '../compression/codec.ts';
import { engineError } from '../errors/kinds.ts';
import { truncateId } from '../identity/image-id.ts';
import type { StreamFormatter } from '../reporting/stream-formatter.ts';
import { type GraphContext, retainPresent, type WorkOptions } from './context.ts';
import { exportLayer } from './layer-export.ts';
import { openLayerSpool } from './layer-spool.ts';
import { topLayerOf } from './layers.ts';
import { TempArchive } from './temp-archive.ts';

export interface TempArchiveOptions extends WorkOptions {
  /** Writes Docker's progress to `output`; both or neither. */
  formatter?: StreamFormatter | undefined;
  output?: Writable | undefined;
}

const ACTION = 'Buffering to disk';
/** Docker tells again after this many bytes. */
const STEP_BYTES = 512 * 1024;

/**
 * Makes a layer, packed, in a temporary file. `name` is an id or a prefix; of a head its top layer is meant.
 * Throws IMAGE_NOT_FOUND, ID_AMBIGUOUS, DIFF_ID_MISMATCH when the store is damaged.
 */
export async function tempLayerArchive(
  context: GraphContext,
  name: string,
  compression: PackingName | CompressionProfile,
  options: TempArchiveOptions = {},
): Promise<TempArchive> {
  await context.family.refresh();
  const image = context.family.resolve(name);
  const release = retainPresent(context, image);
  try {
    const id = await topLayerOf(context, image);
    if (id === null) throw engineError('INVALID_ARGUMENT', `image ${name} has no layers`, { argument: name });
    const profile = typeof compression === 'string' ? profileFor({ compression }) : compression;
    return await archiveOf(context, id, profile, options);
  } finally {
    release();
  }
}

async function archiveOf(
  context: GraphContext,
  id: string,
  profile: CompressionProfile,
  options: TempArchiveOptions,
): Promise<TempArchive> {
  const spool = await openLayerSpool(context);
  try {
    const path = join(spool.path, 'layer');
    await spool.share.grow(await sizeOf(context, id), options.signal);
    const progress = progressWriter(truncateId(id), options);
    const made = await exportLayer(context, id, profile, path, {
      ...options,
      onProgress: (counters) => {
        progress.tell(counters.bytesIn);
        options.onProgress?.(counters);
      },
    });
    progress.end(made.tarSize);
    // How many of them stay on the disk is the caller's affair now.
    spool.share.release();
    const { diffId, blob, profile: how } = made;
    const { compression } = profile;
    return new TempArchive({ path, ...blob, diffId, compression, profile: how }, () => spool.remove());
  } catch (error) {
    await spool.remove();
    throw error;
  }
}

/** Bytes of the tar; packed it is smaller. What Docker wrote says no more than the size of its files. */
async function sizeOf({ store }: GraphContext, id: string): Promise<number> {
  return (await store.info(id))?.tarSize ?? Math.max(0, store.load(id).size);
}

/** The messages of the original: the bytes so far now and then and at the end, then a line without a bar. */
function progressWriter(
  id: string,
  { formatter, output }: TempArchiveOptions,
): { tell(bytes: number): void; end(bytes: number): void } {
  if (formatter === undefined || output === undefined) return { tell: () => {}, end: () => {} };
  const start = Math.floor(Date.now() / 1000);
  let last = 0;
  const write = (current: number): void => {
    output.write(formatter.formatProgress(id, ACTION, { current, total: 0, start }));
  };
  return {
    tell: (bytes) => {
      if (bytes - last <= STEP_BYTES) return;
      last = bytes;
      write(bytes);
    },
    end: (bytes) => {
      write(bytes);
      write(0);
    },
  };
}
