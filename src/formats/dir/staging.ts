import { engineError } from '../../errors/kinds.ts';
import type { Digest } from '../../identity/digest.ts';
import type { DocumentLimits } from '../../image/document-limits.ts';
import { type Document, targetOf } from '../../image/edit-manifest.ts';
import type { SinkImage, SinkIndex, WrittenImage } from '../../image/image-sink.ts';
import { decodeIndex } from '../../image/manifest.ts';
import { isIndexType, type ManifestFormat } from '../../image/media-types.ts';
import { quoted } from '../../image/strict-json.ts';
import type { BlobStaging } from '../blob-staging.ts';
import { manifestOf } from '../new-manifest.ts';
import { readDocument } from '../read-document.ts';

/** What becomes manifest.json, and the members that it lists, those of indexes inside it too. */
export interface TopDocument {
  raw: Buffer;
  digest: Digest;
  members: ReadonlySet<Digest>;
}

/** What was put for one directory, until it is known whether it is one image or one index. */
export class DirStaging {
  readonly #blobs: BlobStaging;
  readonly #path: string;
  readonly #format: ManifestFormat | undefined;
  readonly #limits: DocumentLimits | undefined;
  readonly #images = new Map<Digest, Document>();
  readonly #indexes = new Map<Digest, Document>();

  constructor(
    blobs: BlobStaging,
    path: string,
    format: ManifestFormat | undefined,
    limits: DocumentLimits | undefined,
  ) {
    this.#blobs = blobs;
    this.#path = path;
    this.#format = format;
    this.#limits = limits;
  }

  async putImage(image: SinkImage): Promise<WrittenImage> {
    await this.#blobs.putBytes(image.config, image.configDigest);
    const manifest = manifestOf(image, this.#format);
    await this.#blobs.putBytes(manifest.raw, manifest.digest);
    this.#images.set(manifest.digest, manifest);
    return { manifest: targetOf(manifest) };
  }

  putIndex({ raw, mediaType, digest }: SinkIndex): Promise<void> {
    this.#indexes.set(digest, { raw, mediaType, digest });
    return Promise.resolve();
  }

  /** Throws INVALID_ARGUMENT unless it is one image, or one index and images of it. */
  async top(): Promise<TopDocument> {
    const members = new Set<Digest>();
    for (const index of this.#indexes.values()) await this.#collect(index, members);
    const tops = [...this.#images.values(), ...this.#indexes.values()].filter(({ digest }) => !members.has(digest));
    const [top] = tops;
    if (top !== undefined && tops.length === 1) return { raw: top.raw, digest: top.digest, members };
    throw engineError(
      'INVALID_ARGUMENT',
      `a dir: holds one image, or one index, and ${tops.length} go to ${quoted(this.#path)}; ` +
        'give each a directory of its own, or write to oci:',
      { argument: this.#path },
    );
  }

  async #collect({ raw, mediaType }: Pick<Document, 'raw' | 'mediaType'>, members: Set<Digest>): Promise<void> {
    for (const member of decodeIndex(raw, mediaType, this.#limits)) {
      const nested = isIndexType(member.mediaType) && !members.has(member.digest);
      members.add(member.digest);
      const blob = nested ? this.#blobs.blob(member.digest) : null;
      if (blob === null) continue;
      const inner = await readDocument({ ...blob, digest: member.digest }, 'an index', this.#limits);
      await this.#collect({ raw: inner, mediaType: member.mediaType }, members);
    }
  }
}
