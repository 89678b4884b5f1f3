import { engineError, hasCode } from '../errors/kinds.ts';
import { DEFAULT_DOCUMENT_LIMITS } from '../image/document-limits.ts';
import type { Platform, SourceIndex, SourceItem } from '../image/image-source.ts';
import { decodeIndex, type Descriptor } from '../image/manifest.ts';
import { isIndexType, isManifestType } from '../image/media-types.ts';
import { formatPlatform, platformMatches } from '../image/platform.ts';
import { quoted } from '../image/strict-json.ts';
import { brokenImage } from './broken.ts';
import type { ImageContent, NamedDescriptor } from './content.ts';
import type { FormatContext } from './context.ts';
import { promised, readBlobOf, readManifest } from './read-manifest.ts';

/** What an index turned out to hold. */
export interface IndexOutcome {
  /** Images that were given, broken ones too. */
  images: number;
  /** Members that are missing: other platforms, most often. */
  missing: Descriptor[];
}

type Members = Pick<SourceIndex, 'members' | 'attachments'>;

/** The annotation by which BuildKit says which image of an index a statement is about. */
const ABOUT = 'vnd.docker.reference.digest';

/**
 * Gives the images of a multi-platform index and then the index itself, unless nothing of it is an image. Indexes
 * inside it are read as if their members were its own, and kept as attachments. When platforms were chosen, only their
 * images are given, with the statements about them; the index is the whole one all the same.
 * Throws UNSUPPORTED_PLATFORM when it has none of them.
 */
export async function* readIndex(
  content: ImageContent,
  entry: NamedDescriptor,
  context: FormatContext,
): AsyncGenerator<SourceItem, IndexOutcome> {
  const { descriptor, ref, names } = entry;
  const collected: Members = { members: [], attachments: [] };
  const outcome: IndexOutcome = { images: 0, missing: [] };
  const walk: Walk = { content, ref, names, context, collected, outcome, left: 0 };
  const raw = yield* readMembers(walk, descriptor, 1);
  if (walk.left > 0 && outcome.images + outcome.missing.length === 0) throw noneChosen(ref, context.platforms ?? []);
  if (collected.members.some((member) => member.configDigest !== null)) {
    yield { kind: 'index', ref, names, raw, mediaType: descriptor.mediaType, digest: descriptor.digest, ...collected };
  }
  return outcome;
}

interface Walk {
  content: ImageContent;
  ref: string;
  names: readonly string[];
  context: FormatContext;
  collected: Members;
  outcome: IndexOutcome;
  /** Members that were not asked for. */
  left: number;
}

async function* readMembers(walk: Walk, index: Descriptor, depth: number): AsyncGenerator<SourceItem, Buffer> {
  const allowed = (walk.context.documents ?? DEFAULT_DOCUMENT_LIMITS).nesting;
  if (depth > allowed) {
    throw engineError('LIMIT_EXCEEDED', `indexes are nested more than ${allowed} deep`, {
      limit: 'index nesting',
      allowed,
    });
  }
  const raw = await readBlobOf(walk.content, index, 'the index');
  const members = decodeIndex(raw, index.mediaType, walk.context.documents);
  const isChosen = choiceOf(members, walk.context.platforms);
  for (const member of members) {
    if (!isChosen(member)) leaveOut(walk, member);
    else if (isManifestType(member.mediaType)) yield* readMember(walk, member);
    else await keepOther(walk, member);
    if (isIndexType(member.mediaType) && isChosen(member)) yield* readNested(walk, member, depth + 1);
  }
  return raw;
}

/** Which members are read. Of one whose platform the index does not say, its config is looked at first. */
function choiceOf(
  members: readonly Descriptor[],
  platforms: readonly Platform[] | undefined,
): (member: Descriptor) => boolean {
  if (platforms === undefined) return () => true;
  const named = members.filter(({ platform }) => platform !== null && isWanted(platform, platforms));
  const digests = new Set<string>(named.map(({ digest }) => digest));
  return ({ digest, platform, annotations }) => {
    const about = annotations.get(ABOUT);
    return about === undefined ? platform === null || digests.has(digest) : digests.has(about);
  };
}

function isWanted(platform: Platform | null, platforms: readonly Platform[] | undefined): boolean {
  if (platforms === undefined) return true;
  return platform !== null && platforms.some((wanted) => platformMatches(wanted, platform));
}

function leaveOut(walk: Walk, { digest, platform }: Descriptor): void {
  walk.left += 1;
  walk.collected.members.push({ digest, platform, configDigest: null });
}

function noneChosen(ref: string, platforms: readonly Platform[]): Error {
  const text = platforms.map(formatPlatform).join(', ');
  return engineError('UNSUPPORTED_PLATFORM', `${quoted(ref)} has no image for ${text}`, { platform: text });
}

async function* readNested(walk: Walk, index: Descriptor, depth: number): AsyncGenerator<SourceItem> {
  try {
    yield* readMembers(walk, index, depth);
  } catch (error) {
    if (hasCode(error, 'BLOB_MISSING') && error.details.digest === index.digest) return;
    walk.outcome.images += 1;
    yield brokenImage(memberRef(walk.ref, index), error, { digest: index.digest });
  }
}

async function* readMember(walk: Walk, descriptor: Descriptor): AsyncGenerator<SourceItem> {
  const { digest } = descriptor;
  const member = { digest, platform: descriptor.platform };
  const ref = memberRef(walk.ref, descriptor);
  try {
    const read = await readManifest(walk.content, { descriptor, ref, names: [] }, walk.context);
    if (read.kind === 'artifact') {
      walk.collected.members.push({ ...member, configDigest: null });
      walk.collected.attachments.push(...read.blobs);
      return;
    }
    if (read.kind === 'broken') {
      walk.collected.members.push({ ...member, configDigest: null });
      walk.outcome.images += 1;
      yield read;
      return;
    }
    const { configDigest, platform } = read;
    if (member.platform === null && !isWanted(platform, walk.context.platforms)) {
      leaveOut(walk, descriptor);
      return;
    }
    walk.collected.members.push({ digest, platform: member.platform ?? platform, configDigest });
    walk.outcome.images += 1;
    yield { ...read, inIndex: walk.names };
  } catch (error) {
    walk.collected.members.push({ ...member, configDigest: null });
    if (hasCode(error, 'BLOB_MISSING') && error.details.digest === digest) walk.outcome.missing.push(descriptor);
    else {
      walk.outcome.images += 1;
      yield brokenImage(ref, error, { digest });
    }
  }
}

/** What is no image travels with the index; an index inside it too. */
async function keepOther({ content, collected, outcome }: Walk, descriptor: Descriptor): Promise<void> {
  const { digest, platform } = descriptor;
  collected.members.push({ digest, platform, configDigest: null });
  const blob = await content.blob(descriptor);
  if (blob === null) outcome.missing.push(descriptor);
  else collected.attachments.push(promised(blob, descriptor));
}

function memberRef(ref: string, { digest, platform }: Descriptor): string {
  return `${ref} (${platform === null ? digest : formatPlatform(platform)})`;
}
