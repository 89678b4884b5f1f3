import { engineError } from '../../errors/kinds.ts';
import type { Digest } from '../../identity/digest.ts';
import type { SinkImage, SinkIndex, WrittenImage } from '../../image/image-sink.ts';
import { decodeIndex } from '../../image/manifest.ts';
import { OCI_MANIFEST } from '../../image/media-types.ts';
import { quoted } from '../../image/strict-json.ts';
import type { BlobStaging } from '../blob-staging.ts';
import { type IndexEntry, manifestOf, nameAnnotations } from './documents.ts';

/** What was put, under the names it was put with. */
interface Item {
  entry: IndexEntry;
  names: string[];
  ref: string | null;
}

/** The images and indexes of a layout that is being made; whoever writes it gives it its form. */
export class LayoutStaging {
  readonly blobs: BlobStaging;
  readonly #items: Item[] = [];
  /** What a multi-platform index holds is found through it and needs no line of its own. */
  readonly #inIndex = new Set<Digest>();

  constructor(blobs: BlobStaging) {
    this.blobs = blobs;
  }

  async putImage(image: SinkImage): Promise<WrittenImage> {
    await this.blobs.putBytes(image.config, image.configDigest);
    const raw = image.manifest?.raw ?? manifestOf(image);
    const digest = await this.blobs.putBytes(raw, image.manifest?.digest);
    const mediaType = image.manifest?.mediaType ?? OCI_MANIFEST;
    this.#items.push({ entry: { mediaType, digest, size: raw.length }, names: image.names, ref: image.ref });
    return { manifestDigest: digest };
  }

  async putIndex({ raw, mediaType, digest, names, ref }: SinkIndex): Promise<void> {
    await this.blobs.putBytes(raw, digest);
    for (const member of decodeIndex(raw, mediaType)) this.#inIndex.add(member.digest);
    this.#items.push({ entry: { mediaType, digest, size: raw.length }, names, ref });
  }

  /**
   * The lines of index.json. `ref` is the one name that was asked for in the destination; otherwise `refName` makes
   * the ref name of each name. Throws INVALID_ARGUMENT when one name was asked for several images.
   */
  entries(ref: string | null, refName: (name: string) => string): IndexEntry[] {
    const listed = this.#items.filter(({ entry, names, ref: own }) => {
      return names.length > 0 || own !== null || !this.#inIndex.has(entry.digest);
    });
    if (ref !== null && listed.length > 1) {
      throw engineError(
        'INVALID_ARGUMENT',
        `${quoted(ref)} cannot be the name of ${listed.length} images; leave it out, and each keeps its own`,
        { argument: ref },
      );
    }
    return listed.flatMap(({ entry, names, ref: own }): IndexEntry[] => {
      const asked = own ?? ref;
      if (asked !== null) return [{ ...entry, ...nameAnnotations(names[0] ?? null, asked) }];
      if (names.length === 0) return [entry];
      return names.map((name) => ({ ...entry, ...nameAnnotations(name, refName(name)) }));
    });
  }
}
