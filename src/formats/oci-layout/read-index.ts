import { engineError, hasCode } from '../../errors/kinds.ts';
import { DEFAULT_DOCUMENT_LIMITS } from '../../image/document-limits.ts';
import type { SourceIndex, SourceItem } from '../../image/image-source.ts';
import { decodeIndex, type Descriptor } from '../../image/manifest.ts';
import { isIndexType, isManifestType } from '../../image/media-types.ts';
import { formatPlatform } from '../../image/platform.ts';
import { brokenImage } from '../broken.ts';
import type { FormatContext } from '../context.ts';
import type { LayoutFiles } from './layout-files.ts';
import type { LayoutEntry } from './layout-entries.ts';
import { readBlobOf, readManifest } from './read-manifest.ts';

/** What an index turned out to hold. */
export interface IndexOutcome {
  /** Images that were given, broken ones too. */
  images: number;
  /** Members that are not in the layout: other platforms, most often. */
  missing: Descriptor[];
}

type Members = Pick<SourceIndex, 'members' | 'attachments'>;

/**
 * Gives the images of a multi-platform index and then the index itself, unless nothing of it is an image. Indexes
 * inside it are read as if their members were its own, and kept as attachments.
 */
export async function* readIndex(
  files: LayoutFiles,
  entry: LayoutEntry,
  context: FormatContext,
): AsyncGenerator<SourceItem, IndexOutcome> {
  const { descriptor, ref, names } = entry;
  const collected: Members = { members: [], attachments: [] };
  const outcome: IndexOutcome = { images: 0, missing: [] };
  const raw = yield* readMembers({ files, ref, context, collected, outcome }, descriptor, 1);
  if (collected.members.some((member) => member.configDigest !== null)) {
    yield { kind: 'index', ref, names, raw, mediaType: descriptor.mediaType, digest: descriptor.digest, ...collected };
  }
  return outcome;
}

interface Walk {
  files: LayoutFiles;
  ref: string;
  context: FormatContext;
  collected: Members;
  outcome: IndexOutcome;
}

async function* readMembers(walk: Walk, index: Descriptor, depth: number): AsyncGenerator<SourceItem, Buffer> {
  const allowed = (walk.context.documents ?? DEFAULT_DOCUMENT_LIMITS).nesting;
  if (depth > allowed) {
    throw engineError('LIMIT_EXCEEDED', `indexes are nested more than ${allowed} deep`, {
      limit: 'index nesting',
      allowed,
    });
  }
  const raw = await readBlobOf(walk.files, index, 'the index', walk.context);
  for (const member of decodeIndex(raw, index.mediaType, walk.context.documents)) {
    if (isManifestType(member.mediaType)) yield* readMember(walk, member);
    else await keepOther(walk, member);
    if (isIndexType(member.mediaType)) yield* readNested(walk, member, depth + 1);
  }
  return raw;
}

async function* readNested(walk: Walk, index: Descriptor, depth: number): AsyncGenerator<SourceItem> {
  try {
    yield* readMembers(walk, index, depth);
  } catch (error) {
    if (hasCode(error, 'BLOB_MISSING') && error.details.digest === index.digest) return;
    walk.outcome.images += 1;
    yield brokenImage(memberRef(walk.ref, index), error);
  }
}

async function* readMember(walk: Walk, descriptor: Descriptor): AsyncGenerator<SourceItem> {
  const { digest } = descriptor;
  const member = { digest, platform: descriptor.platform };
  const ref = memberRef(walk.ref, descriptor);
  try {
    const read = await readManifest(walk.files, { descriptor, ref, names: [] }, walk.context);
    if (read.kind === 'artifact') {
      walk.collected.members.push({ ...member, configDigest: null });
      walk.collected.attachments.push(...read.blobs);
      return;
    }
    const { configDigest, platform } = read;
    walk.collected.members.push({ digest, platform: member.platform ?? platform, configDigest });
    walk.outcome.images += 1;
    yield read;
  } catch (error) {
    walk.collected.members.push({ ...member, configDigest: null });
    if (hasCode(error, 'BLOB_MISSING') && error.details.digest === digest) walk.outcome.missing.push(descriptor);
    else {
      walk.outcome.images += 1;
      yield brokenImage(ref, error);
    }
  }
}

/** What is no image travels with the index; an index inside it too. */
async function keepOther({ files, collected, outcome }: Walk, descriptor: Descriptor): Promise<void> {
  const { digest, size, platform } = descriptor;
  collected.members.push({ digest, platform, configDigest: null });
  const blob = await files.blob(digest);
  if (blob === null) outcome.missing.push(descriptor);
  else collected.attachments.push({ ...blob, digest, size });
}

function memberRef(ref: string, { digest, platform }: Descriptor): string {
  return `${ref} (${platform === null ? digest : formatPlatform(platform)})`;
}
