import { type Digest, digestAlgorithm, digestHex, isDigest } from '../identity/digest.ts';
import type { SourceArtifact } from './image-source.ts';

/** Of the tags that cosign gives to signatures, attestations and lists of contents. */
const KINDS = ['sig', 'att', 'sbom'] as const;

/** The tags under which something about a manifest may be found that does not say itself what it is about. */
export function subjectTags(digest: Digest): string[] {
  return KINDS.map((kind) => `${digestAlgorithm(digest)}-${digestHex(digest)}.${kind}`);
}

/** The digest of what such a tag is about; null for any other tag. */
export function subjectOfTag(tag: string): Digest | null {
  const [, algorithm, hex] = /^([a-z0-9]+)-([0-9a-f]+)\.(?:sig|att|sbom)$/.exec(tag) ?? [];
  const digest = `${algorithm}:${hex}`;
  return isDigest(digest) ? digest : null;
}

/** The manifest that an artifact is about, by its own word or by its tag. */
export function subjectOf({ subject, tag }: Pick<SourceArtifact, 'subject' | 'tag'>): Digest | null {
  return tag === null ? subject : subjectOfTag(tag);
}
