import type { Digest } from '../../identity/digest.ts';
import { decodeArtifact, decodeArtifactIndex, type Descriptor } from '../../image/manifest.ts';
import { isIndexType, isManifestType } from '../../image/media-types.ts';
import { quoted } from '../../image/strict-json.ts';
import { subjectOfTag } from '../../image/subject-tag.ts';
import type { ImageContent } from '../content.ts';
import type { FormatContext } from '../context.ts';
import { REF_NAME } from '../names.ts';
import type { FoundReferrer } from '../referrers.ts';

interface Listed extends FoundReferrer {
  about: Digest;
}

/** The entries of an index.json that refer to others: by the `subject` of their manifest, or by their ref name. */
export class LayoutReferrers {
  readonly #listed: readonly Listed[];
  readonly #asked = new Set<Digest>();

  private constructor(listed: readonly Listed[]) {
    this.#listed = listed;
  }

  static async read(
    content: ImageContent,
    descriptors: readonly Descriptor[],
    context: FormatContext,
  ): Promise<LayoutReferrers> {
    const listed: Listed[] = [];
    for (const descriptor of descriptors) {
      const refName = descriptor.annotations.get(REF_NAME) ?? '';
      const tagged = subjectOfTag(refName);
      const about = tagged ?? (await subjectIn(content, descriptor, context));
      if (about !== null) listed.push({ descriptor, about, tag: tagged === null ? null : refName });
    }
    return new LayoutReferrers(listed);
  }

  has({ digest }: Descriptor): boolean {
    return this.#listed.some(({ descriptor }) => descriptor.digest === digest);
  }

  find(subject: Digest): FoundReferrer[] {
    this.#asked.add(subject);
    return this.#listed.filter(({ about }) => about === subject);
  }

  /** What refers to things that nobody has asked about. */
  leftOver(): string[] {
    return this.#listed
      .filter(({ about }) => !this.#asked.has(about))
      .map(({ descriptor, tag, about }) => {
        return `${quoted(tag ?? descriptor.digest)}: skipped, it refers to ${about}, which is not among the images`;
      });
  }
}

/** Null also for what cannot be read: whoever reads it as an image says what is wrong with it. */
async function subjectIn(
  content: ImageContent,
  descriptor: Descriptor,
  { documents }: FormatContext,
): Promise<Digest | null> {
  const { mediaType } = descriptor;
  if (!isManifestType(mediaType) && !isIndexType(mediaType)) return null;
  try {
    const raw = descriptor.data ?? (await content.document(descriptor, 'the manifest'));
    if (raw === null) return null;
    const decode = isIndexType(mediaType) ? decodeArtifactIndex : decodeArtifact;
    return decode(raw, mediaType, documents).subject;
  } catch {
    return null;
  }
}
