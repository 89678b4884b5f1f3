import { stat } from 'node:fs/promises';
import type { TarSource } from '../archive/tar-source.ts';
import { onAbort } from '../streams/abort.ts';
import { sourceChanged } from '../streams/read-blob.ts';
import type { AppliedLayer, ApplyLayer, LayerBytes, LayerDigests } from '../tasks/task-map.ts';
import type { RunOptions, TaskPool } from '../tasks/task-pool.ts';

/** A layer whose tree is complete and whose digests were checked. */
export type WholeLayer = { entries: number; size: number } & LayerDigests;

type BlobSource = TarSource & { from: 'blob' };
type Input = Omit<ApplyLayer, 'bytes'> & { bytes: LayerBytes };
type Options = Omit<RunOptions, 'rank'> & { packed: boolean };

/** Blobs from this size on are worth a second task. */
const BESIDE_BYTES = 16 * 1024 ** 2;

/**
 * Applies a layer and hashes it, in one task or in two at the same time. Null when the layers below are needed first.
 * What is wrong with its entries is told before what is wrong with its digests, whichever was seen first.
 */
export async function applyWhole(pool: TaskPool, input: Input, given: Options): Promise<WholeLayer | null> {
  const { packed, ...options } = given;
  const { source } = input;
  const rank = await sizeOf(source);
  if (source.from === 'blob' && paysBeside(pool, rank, packed))
    return applyBeside(pool, { ...input, source }, { ...options, rank });
  const applied = await pool.run('layer.apply', input, { ...options, rank });
  return wholeOf(applied, applied.status === 'applied' ? applied.digests : null);
}

/**
 * A plain tar only has to be read a second time, from memory: that is always worth a second core (80,000 files of
 * 603 MB: 1.6 s instead of 2.0). Unpacking a second time is done by a thread that would have nothing else to do.
 */
function paysBeside(pool: TaskPool, size: number, packed: boolean): boolean {
  return size >= BESIDE_BYTES && (packed ? pool.idle > 1 : pool.threads > 1);
}

async function applyBeside(
  pool: TaskPool,
  input: Input & { source: BlobSource },
  options: RunOptions,
): Promise<WholeLayer | null> {
  const { source, bytes, limits } = input;
  const hashing = new AbortController();
  const deafen = onAbort(options.signal, () => hashing.abort(options.signal?.reason));
  const applying = pool.run('layer.apply', { ...input, bytes: null }, options);
  const { job, rank } = options;
  const hashed = pool.run('layer.hash', { source, bytes, limits }, { job, rank, signal: hashing.signal });
  const stopHashing = (): void => hashing.abort();
  applying.then((applied) => applied.status === 'needs-lower' && stopHashing(), stopHashing);
  const [tree, digests] = await Promise.allSettled([applying, hashed]);
  deafen();
  if (tree.status === 'rejected') throw tree.reason;
  if (tree.value.status === 'needs-lower') return null;
  if (digests.status === 'rejected') throw digests.reason;
  if (digests.value.state !== tree.value.state) throw sourceChanged(source.blob.path);
  return wholeOf(tree.value, digests.value.digests);
}

function wholeOf(applied: AppliedLayer, digests: LayerDigests | null): WholeLayer | null {
  if (applied.status === 'needs-lower' || digests === null) return null;
  const { entries, size } = applied;
  return { entries, size, ...digests };
}

/** Bytes to be read, as far as one knows: what is not a file has no size yet. */
async function sizeOf(source: TarSource): Promise<number> {
  if (source.from !== 'blob') return 0;
  const { path, offset = 0, length, size } = source.blob;
  return length ?? size ?? (await stat(path)).size - offset;
}
