import { engineError } from '../../errors/kinds.ts';
import type { Digest } from '../../identity/digest.ts';
import { editIndex, type Target } from '../../image/edit-manifest.ts';
import type { SinkIndex } from '../../image/image-sink.ts';
import type { SourceIndex } from '../../image/image-source.ts';
import { decodeIndex } from '../../image/manifest.ts';
import { formatOf } from '../../image/media-types.ts';
import { formatPlatform } from '../../image/platform.ts';
import type { CopyJob } from '../jobs/copy.ts';
import type { LayerCopier } from './layer-copier.ts';

/** What an index becomes in the destination. */
export interface CopiedIndex {
  index: SinkIndex;
  warnings: string[];
}

/**
 * The index as it came, with what travels with it, when all its images are in the destination with their manifests; else
 * one that lists what is there. `written` says what each manifest became, by its digest in the source.
 */
export async function copiedIndex(
  job: CopyJob,
  copier: LayerCopier,
  index: SourceIndex,
  written: ReadonlyMap<Digest, Target>,
): Promise<CopiedIndex> {
  const { raw, mediaType, digest, names } = index;
  const images = index.members.filter(({ configDigest }) => configDigest !== null);
  const there = images.filter((member) => written.has(member.digest));
  if (there.length === 0) throw nothingLeft(job, index);
  const format = job.format ?? formatOf(mediaType);
  const isSame = images.every((member) => written.get(member.digest)?.digest === member.digest);
  if (isSame && format === formatOf(mediaType)) {
    for (const attachment of index.attachments) await copier.copyBlob(attachment);
    return { index: { names, ref: null, raw, mediaType, digest }, warnings: [] };
  }
  const edited = editIndex(index, written, format);
  const left = decodeIndex(raw, mediaType).length - decodeIndex(edited.raw, edited.mediaType).length;
  const others = index.members.length - images.length;
  const warnings =
    others === 0 || left === 0
      ? []
      : [`${index.ref}: ${others} members that are no images speak of manifests that have changed, and were left out`];
  return { index: { names, ref: null, ...edited }, warnings };
}

function nothingLeft({ platforms }: CopyJob, { ref }: SourceIndex): Error {
  const wanted = (platforms ?? []).map(formatPlatform).join(', ');
  const message =
    platforms === undefined
      ? `none of the images of the index ${ref} could be copied`
      : `the index ${ref} has no image for ${wanted}`;
  return engineError('UNSUPPORTED_PLATFORM', message, { platform: wanted });
}
