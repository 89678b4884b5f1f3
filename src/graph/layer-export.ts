import { type CompressionProfile, PART_BYTES } from '../compression/codec.ts';
import { withLibrary } from '../compression/libraries.ts';
import { profileText } from '../compression/profile-text.ts';
import type { Digest } from '../identity/digest.ts';
import type { BlobDigest, LayerDigests } from '../tasks/task-map.ts';
import { type GraphContext, retainPresent, type WorkOptions } from './context.ts';
import { layerSource } from './layer-source.ts';
import { PartExport } from './part-export.ts';

/** Below this much tar one task makes the whole file: parts would cost more than they gain. */
const WHOLE_BYTES = 2 * PART_BYTES;

export interface ExportedLayer {
  diffId: Digest;
  tarSize: number;
  blob: BlobDigest;
  /** How it was packed; see `profileText`. */
  profile: string;
}

/**
 * Writes a registered layer, packed by a profile, into the new file `to`. The bytes are those that it was registered
 * from, whatever the number of threads; the DiffID is checked every time, and the file is removed when it does not agree.
 */
export async function exportLayer(
  context: GraphContext,
  id: string,
  wanted: CompressionProfile,
  to: string,
  options: WorkOptions = {},
): Promise<ExportedLayer> {
  const release = retainPresent(context, id);
  try {
    const profile = await withLibrary(wanted);
    const info = await context.store.info(id);
    const source = await layerSource(context, id);
    if (source.from === 'record' && info !== null && info.diffId !== null && info.tarSize > WHOLE_BYTES) {
      const { diffId, tarSize, midstates = null } = info;
      const work = { id, source, profile, to, diffId, tarSize, midstates };
      const blob = await new PartExport(context, work, options).run();
      return { diffId, tarSize, blob, profile: profileText(profile) };
    }
    const expected = info?.diffId == null ? {} : { diffId: info.diffId };
    const input = { source, profile, to, expected, limits: context.limits };
    const made = await context.pool.run('layer.archive', input, { ...options, job: id });
    return { ...made, profile: profileText(profile) };
  } finally {
    release();
  }
}

/**
 * Makes the tar of a registered layer without writing it anywhere. Throws DIFF_ID_MISMATCH when it is not what it was
 * registered from, SIZE_MISMATCH and others when files of it are gone.
 */
export async function checkLayer(
  context: GraphContext,
  id: string,
  diffId: Digest,
  options: WorkOptions = {},
): Promise<LayerDigests> {
  const release = retainPresent(context, id);
  try {
    const input = { source: await layerSource(context, id), expected: { diffId }, limits: context.limits };
    return await context.pool.run('layer.digest', input, { ...options, job: id });
  } finally {
    release();
  }
}
