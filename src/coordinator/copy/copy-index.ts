import { engineError } from '../../errors/kinds.ts';
import type { Digest } from '../../identity/digest.ts';
import { editIndex, type Target } from '../../image/edit-manifest.ts';
import type { SinkIndex } from '../../image/image-sink.ts';
import type { SourceIndex } from '../../image/image-source.ts';
import { decodeIndex } from '../../image/manifest.ts';
import { formatOf } from '../../image/media-types.ts';
import { formatPlatform } from '../../image/platform.ts';
import { bringAttachments } from '../attachments.ts';
import type { CopyTerms } from '../jobs/copy.ts';
import { refuseChange } from './equality.ts';
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
  job: CopyTerms,
  copier: LayerCopier,
  index: SourceIndex,
  written: ReadonlyMap<Digest, Target>,
): Promise<CopiedIndex> {
  const { raw, mediaType, digest, names } = index;
  const lines = decodeIndex(raw, mediaType);
  const images = index.members.filter(({ configDigest }) => configDigest !== null);
  if (!images.some((member) => written.has(member.digest))) throw nothingLeft(job, index);
  const failed = images.filter((member) => !written.has(member.digest));
  // Whoever asks for a platform by the name must not find that it has quietly gone.
  if (failed.length > 0) throw incomplete(index, failed);
  const format = job.format ?? formatOf(mediaType);
  const isSame = images.every((member) => written.get(member.digest)?.digest === member.digest);
  // Statements about images are about their manifests, so they go with those that have not changed.
  if (isSame)
    await bringAttachments(job.sink, {
      raw,
      mediaType,
      blobs: index.attachments,
      digestOf: (blob) => blob.digest!,
      copy: (blob) => copier.copyBlob(blob),
      read: (blob) => copier.readBlob(blob),
    });
  const kept = isSame ? new Set(index.attachments.map((attachment) => attachment.digest)) : new Set();
  const absent = lines.filter((line) => !written.has(line.digest) && !kept.has(line.digest));
  // A layout may list what it has not; a registry refuses that, and who chose platforms wants an index of those.
  const mayBeSparse = job.platforms === undefined && job.sink.putManifest === undefined;
  if (isSame && format === formatOf(mediaType) && (absent.length === 0 || mayBeSparse))
    return { index: { names, ref: null, raw, mediaType, digest }, warnings: [] };
  // Who chose platforms asked for another index.
  if (job.platforms === undefined) refuseOther(job, index, absent.length > 0 || format !== formatOf(mediaType));
  const targets = new Map<string, Target>(written);
  for (const line of lines) if (kept.has(line.digest)) targets.set(line.digest, targetOf(line));
  const edited = editIndex(index, targets, format);
  const lost = job.platforms === undefined && absent.length > 0;
  const warnings = lost
    ? [`${index.ref}: ${absent.length} members of its index were left out: they are not in the destination`]
    : [];
  return { index: { names, ref: null, ...edited }, warnings };
}

/** Throws MANIFEST_NOT_PRESERVED or CHANGE_NOT_ALLOWED for an index that would be another one than it may be. */
function refuseOther({ preserveDigests, allow }: CopyTerms, { ref }: SourceIndex, isOther: boolean): void {
  if (preserveDigests === true) {
    const reason = isOther ? 'not all of its members are there, in its format' : 'its images have changed';
    const message = `the index ${ref} cannot stay the same: ${reason}; it was not copied`;
    throw engineError('MANIFEST_NOT_PRESERVED', message, { name: ref, reason });
  }
  if (allow !== undefined) refuseChange(ref, isOther ? 'manifest' : 'diffids', allow);
}

function targetOf({ mediaType, digest, size }: Target): Target {
  return { mediaType, digest, size };
}

function incomplete({ ref, digest }: SourceIndex, failed: SourceIndex['members']): Error {
  const platforms = failed.map((member) =>
    member.platform === null ? member.digest : formatPlatform(member.platform),
  );
  const message = `the index ${ref} was not copied, because its images for ${platforms.join(', ')} were not`;
  return engineError('INDEX_INCOMPLETE', message, { digest, platforms });
}

function nothingLeft({ platforms }: CopyTerms, { ref }: SourceIndex): Error {
  const wanted = (platforms ?? []).map(formatPlatform).join(', ');
  const message =
    platforms === undefined
      ? `none of the images of the index ${ref} could be copied`
      : `the index ${ref} has no image for ${wanted}`;
  return engineError('UNSUPPORTED_PLATFORM', message, { platform: wanted });
}
