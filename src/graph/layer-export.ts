import { rm } from 'node:fs/promises';
import type { TarSource } from '../archive/tar-source.ts';
import { type CompressionProfile, PART_BYTES } from '../compression/codec.ts';
import type { Digest } from '../identity/digest.ts';
import type { BlobDigest } from '../tasks/task-map.ts';
import { type GraphContext, retainPresent, type WorkOptions } from './context.ts';
import { layerSource } from './layer-source.ts';

/** Below this much tar one task makes the whole file: parts would cost more than they gain. */
const WHOLE_BYTES = 2 * PART_BYTES;

export interface ExportedLayer {
  diffId: Digest;
  tarSize: number;
  blob: BlobDigest;
}

/**
 * Writes a registered layer, packed by a profile, into the new file `to`. The bytes are those that it was registered
 * from, whatever the number of threads; the DiffID is checked every time, and the file is removed when it does not agree.
 */
export async function exportLayer(
  context: GraphContext,
  id: string,
  profile: CompressionProfile,
  to: string,
  options: WorkOptions = {},
): Promise<ExportedLayer> {
  const release = retainPresent(context, id);
  try {
    const info = await context.store.info(id);
    const source = await layerSource(context, id);
    if (source.from === 'record' && info !== null && info.diffId !== null && info.tarSize > WHOLE_BYTES) {
      const { diffId, tarSize } = info;
      return {
        diffId,
        tarSize,
        blob: await exportParts(context, { id, source, profile, to, diffId, tarSize }, options),
      };
    }
    const expected = info?.diffId == null ? {} : { diffId: info.diffId };
    const input = { source, profile, to, expected, limits: context.limits };
    return await context.pool.run('layer.archive', input, { ...options, job: id });
  } finally {
    release();
  }
}

interface PartsExport {
  id: string;
  source: TarSource & { from: 'record' };
  profile: CompressionProfile;
  to: string;
  diffId: Digest;
  tarSize: number;
}

/**
 * Every part is a task of its own. That the whole is the layer is seen in the tar itself when that is what was written,
 * else by a task beside them that makes the whole tar.
 */
async function exportParts(context: GraphContext, work: PartsExport, options: WorkOptions): Promise<BlobDigest> {
  const { id, source, profile, to, diffId, tarSize } = work;
  const count = Math.ceil(tarSize / PART_BYTES);
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const plain = profile.compression === 'none';
  const partPath = (part: number): string => (plain ? to : `${to}.part-${part}`);
  const done = { bytesIn: 0, bytesOut: 0, entries: 0 };
  const tasks: Promise<unknown>[] = [];
  const run = async (part: number): Promise<{ path: string; tarSize: number; crc32: number }> => {
    const last = part === count - 1;
    const at = plain ? part * PART_BYTES : 0;
    const { meta, dir } = source;
    const packed = await context.pool.run(
      'layer.part',
      { meta, dir, profile, part, last, to: partPath(part), at },
      { signal, job: id, onWarning: options.onWarning },
    );
    done.bytesIn += packed.tarSize;
    done.bytesOut += packed.packedSize;
    options.onProgress?.(done);
    return { path: partPath(part), tarSize: packed.tarSize, crc32: packed.crc32 };
  };
  try {
    const prove = (from: TarSource): Promise<unknown> =>
      context.pool.run(
        'layer.digest',
        { source: from, expected: { diffId }, limits: context.limits },
        { signal, job: id },
      );
    // Asked for first, because it takes longest.
    const proof = plain ? null : prove(source);
    if (proof !== null) tasks.push(proof);
    const parts = Array.from({ length: count }, (_unused, part) => run(part));
    tasks.push(...parts);
    const [made] = await Promise.all([Promise.all(parts), proof]);
    if (plain) {
      await prove({ from: 'blob', blob: { path: to, size: tarSize } });
      return { digest: diffId, size: tarSize };
    }
    return (await context.pool.run('layer.join', { parts: made, profile, to }, { signal, job: id })).blob;
  } catch (error) {
    stop.abort();
    await Promise.allSettled(tasks);
    await rm(to, { force: true });
    if (!plain)
      await Promise.all(Array.from({ length: count }, (_unused, part) => rm(partPath(part), { force: true })));
    throw error;
  }
}
