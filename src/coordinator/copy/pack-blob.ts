import { rename, rm } from 'node:fs/promises';
import { type Compression, type CompressionProfile, PART_BYTES } from '../../compression/codec.ts';
import { engineError } from '../../errors/kinds.ts';
import { PartExport } from '../../graph/part-export.ts';
import { type Digest } from '../../identity/digest.ts';
import type { BlobRef } from '../../streams/blob-ref.ts';
import type { BlobDigest } from '../../tasks/task-map.ts';
import type { TaskProgress } from '../../tasks/task-cell.ts';
import type { JobTools } from '../job-context.ts';
import type { LayerWatch } from './layer-watch.ts';

/** From this much on a blob is packed in parts by several threads. Below, one task is done before parts are joined. */
const PARTS_FROM = 2 * PART_BYTES;

/** A packed layer is unpacked into a file first when more than this would be packed by one thread: see `PARTS_FROM`. */
const UNPACK_FROM = 8 * 1024 * 1024;

export interface PackWork {
  blob: BlobRef & { size: number };
  compression: Compression;
  diffId: Digest;
  profile: CompressionProfile;
  /** The file to make. */
  to: string;
}

interface PackRun {
  signal: AbortSignal;
  watch: LayerWatch;
}

/**
 * Packs a layer by another profile. That its tar is the one of the DiffID, and a packed blob the one of its digest, has
 * been proven when it resolves. Throws DIFF_ID_MISMATCH, DIGEST_MISMATCH, COMPRESSION_INVALID, ….
 */
export async function packBlob(
  tools: Pick<JobTools, 'pool' | 'limits'>,
  work: PackWork,
  run: PackRun,
): Promise<BlobDigest> {
  const { blob, compression, to } = work;
  if (compression === 'none') {
    return blob.size > PARTS_FROM ? inParts(tools, work, blob, false, run) : atOnce(tools, work, run);
  }
  if (blob.size < UNPACK_FROM || tools.pool.threads === 1) return atOnce(tools, work, run);
  const tar = `${to}.tar`;
  try {
    const { pool, limits } = tools;
    const { signal, watch } = run;
    const options = { signal, rank: blob.size, onProgress: watch.task() };
    const unpacked = await pool.run('blob.unpack', { blob, to: tar, limits }, options);
    if (unpacked.digest !== work.diffId) throw otherTar(work.diffId, unpacked.digest);
    if (work.profile.compression === 'none') {
      // Nothing is left to do for this one: the tar is the result.
      await rename(tar, to);
      return { digest: unpacked.digest, size: unpacked.size };
    }
    return await inParts(tools, work, { path: tar, size: unpacked.size }, true, run);
  } finally {
    await rm(tar, { force: true });
  }
}

async function atOnce(
  { pool, limits }: Pick<JobTools, 'pool' | 'limits'>,
  { blob, diffId, profile, to }: PackWork,
  { signal, watch }: PackRun,
): Promise<BlobDigest> {
  const input = { source: { from: 'blob', blob } as const, profile, to, expected: { diffId }, limits };
  return (await pool.run('layer.archive', input, { signal, onProgress: told(watch), rank: blob.size })).blob;
}

function inParts(
  tools: Pick<JobTools, 'pool' | 'limits'>,
  { diffId, profile, to }: PackWork,
  tar: BlobRef & { size: number },
  proven: boolean,
  { signal, watch }: PackRun,
): Promise<BlobDigest> {
  const source = { from: 'blob', blob: tar } as const;
  const work = { id: diffId, source, profile, to, diffId, tarSize: tar.size, midstates: null, proven };
  return new PartExport(tools, work, { signal, onProgress: told(watch) }).run();
}

/** A listener for the task that reads the layer. */
function told(watch: LayerWatch): (counters: TaskProgress) => void {
  const tell = watch.task();
  return (counters) => {
    tell(counters);
    watch.bytes(counters.bytesIn);
  };
}

/** DIFF_ID_MISMATCH. */
export function otherTar(expected: Digest, actual: Digest): Error {
  const message = `the layer's tar has DiffID ${actual}, ${expected} was promised`;
  return engineError('DIFF_ID_MISMATCH', message, { expected, actual });
}
