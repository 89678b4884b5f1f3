import type { Digest } from '../identity/digest.ts';
import type { SourceItem } from '../image/image-source.ts';
import type { Descriptor } from '../image/manifest.ts';
import { isIndexType, isManifestType } from '../image/media-types.ts';
import { quoted } from '../image/strict-json.ts';
import { subjectOf } from '../image/subject-tag.ts';
import { brokenImage } from './broken.ts';
import type { ImageContent } from './content.ts';
import type { FormatContext } from './context.ts';
import { readArtifact } from './read-artifact.ts';

/** Signatures of statements about an image are two levels away from it; more than this nobody makes. */
const DEPTH = 4;

/** Something that is said to refer to a manifest. */
export interface FoundReferrer {
  descriptor: Descriptor;
  /** The tag that it was found by, where that says what it is about. */
  tag: string | null;
}

/** How a source finds what refers to its images. */
export interface ReferrerSearch {
  content: ImageContent;
  find(subject: Digest): Promise<FoundReferrer[]>;
  warnings: string[];
  context: FormatContext;
}

/** A manifest whose referrers are looked for. */
interface Subject {
  ref: string;
  digest: Digest;
}

/**
 * Gives the items and then what refers to their manifests, and to that, each after what it is about. An artifact that cannot
 * be read is an item with its error.
 */
export async function* withReferrers(
  items: AsyncIterable<SourceItem>,
  search: ReferrerSearch,
): AsyncGenerator<SourceItem> {
  let level: Subject[] = [];
  for await (const item of items) {
    level.push(...subjectsIn(item));
    yield item;
  }
  const seen = new Set<string>();
  for (let depth = 0; depth < DEPTH && level.length > 0; depth++) {
    const next: Subject[] = [];
    for (const subject of level) {
      if (seen.has(subject.digest)) continue;
      seen.add(subject.digest);
      for await (const item of referrersOf(subject, search)) {
        next.push(...subjectsIn(item));
        yield item;
      }
    }
    level = next;
  }
}

function subjectsIn(item: SourceItem): Subject[] {
  if (item.kind === 'modern') return item.manifest === null ? [] : [{ ref: item.ref, digest: item.manifest.digest }];
  return item.kind === 'index' || item.kind === 'artifact' ? [{ ref: item.ref, digest: item.digest }] : [];
}

async function* referrersOf(subject: Subject, search: ReferrerSearch): AsyncGenerator<SourceItem> {
  let found: FoundReferrer[];
  try {
    found = await search.find(subject.digest);
  } catch (error) {
    yield brokenImage(`what refers to ${subject.ref}`, error);
    return;
  }
  for (const referrer of found) {
    const item = await readReferrer(subject, referrer, search);
    if (item !== null) yield item;
  }
}

async function readReferrer(
  subject: Subject,
  { descriptor, tag }: FoundReferrer,
  { content, warnings, context }: ReferrerSearch,
): Promise<SourceItem | null> {
  const ref = `${tag ?? descriptor.digest} of ${subject.ref}`;
  if (!isManifestType(descriptor.mediaType) && !isIndexType(descriptor.mediaType)) {
    warnings.push(`${quoted(ref)}: skipped, it is no manifest (${quoted(descriptor.mediaType)})`);
    return null;
  }
  try {
    const artifact = await readArtifact(content, { descriptor, tag, ref }, context);
    if (subjectOf(artifact) === subject.digest) return artifact;
    warnings.push(`${quoted(ref)}: skipped, it is listed there but refers to something else`);
    return null;
  } catch (error) {
    return brokenImage(ref, error);
  }
}
