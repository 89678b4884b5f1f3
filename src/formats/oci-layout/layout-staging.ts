import { readFile } from 'node:fs/promises';
import { engineError } from '../../errors/kinds.ts';
import { type Digest, sha256Digest } from '../../identity/digest.ts';
import type { SinkArtifact, SinkImage, SinkIndex, WrittenImage } from '../../image/image-sink.ts';
import { targetOf } from '../../image/edit-manifest.ts';
import { decodeIndex } from '../../image/manifest.ts';
import type { ManifestFormat } from '../../image/media-types.ts';
import { quoted } from '../../image/strict-json.ts';
import type { BlobStaging } from '../blob-staging.ts';
import { CONTAINERD_NAME, REF_NAME } from '../names.ts';
import { manifestOf } from '../new-manifest.ts';
import { type IndexEntry, nameAnnotations } from './documents.ts';

/** What was put, under the names it was put with. */
interface Item {
  entry: IndexEntry;
  names: string[];
  /** Names that it gets beside the one that was asked for. */
  additional: readonly string[];
  ref: string | null;
  order: number | undefined;
}

/** The images and indexes of a layout that is being made; whoever writes it gives it its form. */
export class LayoutStaging {
  readonly blobs: BlobStaging;
  readonly #format: ManifestFormat | undefined;
  readonly #images: (Item & { isMember: boolean })[] = [];
  readonly #artifacts: Pick<Item, 'entry' | 'order'>[] = [];
  readonly #indexes: (Item & { members: Set<Digest> })[] = [];

  constructor(blobs: BlobStaging, format?: ManifestFormat) {
    this.blobs = blobs;
    this.#format = format;
  }

  async putImage(image: SinkImage): Promise<WrittenImage> {
    await this.blobs.putBytes(image.config, image.configDigest);
    const document = manifestOf(image, this.#format);
    await this.blobs.putBytes(document.raw, document.digest);
    const manifest = targetOf(document);
    const { names, additional = [], ref, order, inIndex } = image;
    this.#images.push({ entry: manifest, names, additional, ref, order, isMember: inIndex !== undefined });
    return { manifest };
  }

  async putIndex({ raw, mediaType, digest, names, additional = [], ref, order }: SinkIndex): Promise<void> {
    await this.blobs.putBytes(raw, digest);
    const members = new Set(decodeIndex(raw, mediaType).map((member) => member.digest));
    this.#indexes.push({ entry: { mediaType, digest, size: raw.length }, names, additional, ref, order, members });
  }

  async putArtifact({ raw, mediaType, digest, tag, artifactType, order }: SinkArtifact): Promise<void> {
    await this.blobs.putBytes(raw, digest);
    const isKnown = this.#artifacts.some(
      ({ entry }) => entry.digest === digest && entry.annotations?.[REF_NAME] === (tag ?? undefined),
    );
    if (isKnown) return;
    const type = artifactType === null ? {} : { artifactType };
    const entry = { mediaType, digest, size: raw.length, ...type, ...nameAnnotations(null, tag) };
    this.#artifacts.push({ entry, order });
  }

  /** A document that was put, or is under its digest in `elsewhere`; null when it is in neither place. */
  async readDocument(digest: Digest, elsewhere?: string): Promise<Buffer | null> {
    for (const path of [this.blobs.file(digest), elsewhere]) {
      const raw = path === null || path === undefined ? null : await readFile(path).catch(() => null);
      if (raw !== null && sha256Digest(raw) === digest) return raw;
    }
    return null;
  }

  /**
   * The lines of index.json, in the order that they were put with, or that of their names, whichever image was ready first.
   * `ref` is the one name that was asked for in the destination; otherwise `refName` makes the ref name of each name.
   * What was put twice, because another try was needed or two sources have it, is one line. While more is to come, images of an index that is not here yet wait for it: a line of their own would stay.
   * Throws INVALID_ARGUMENT when one name was asked for several images.
   */
  entries(ref: string | null, refName: (name: string) => string, isLast = true): IndexEntry[] {
    const images = isLast ? this.#images : this.#images.filter(({ isMember }) => !isMember);
    const listed = [...images.flatMap((image) => this.#besideIndexes(image)), ...this.#indexes];
    if (ref !== null && listed.length > 1) {
      throw engineError(
        'INVALID_ARGUMENT',
        `${quoted(ref)} cannot be the name of ${listed.length} images; leave it out, and each keeps its own`,
        { argument: ref },
      );
    }
    const named = listed.flatMap((item) => linesOf(item, ref, refName).map((entry) => ({ entry, order: item.order })));
    const sorted = named.toSorted((a, b) => inOrder(a, b) ?? byName(a.entry, b.entry));
    const artifacts = this.#artifacts.toSorted((a, b) => inOrder(a, b) ?? 0);
    const lines = [...sorted, ...artifacts].map(({ entry }) => entry);
    return [...new Map(lines.map((line) => [keyOf(line), line])).values()];
  }

  /** An image of an index that is here too is found through it, unless it has a name that the index has not. */
  #besideIndexes(image: Item): Item[] {
    const above = this.#indexes.filter(({ members }) => members.has(image.entry.digest));
    if (above.length === 0) return [image];
    const names = image.names.filter((name) => !above.some((index) => index.names.includes(name)));
    const ref = above.some((index) => index.ref === image.ref) ? null : image.ref;
    return names.length === 0 && ref === null ? [] : [{ ...image, names, ref }];
  }
}

function linesOf(
  { entry, names, additional, ref }: Item,
  asked: string | null,
  refName: (name: string) => string,
): IndexEntry[] {
  const named = (name: string): IndexEntry => ({ ...entry, ...nameAnnotations(name, refName(name)) });
  const only = ref ?? asked;
  if (only !== null) return [{ ...entry, ...nameAnnotations(names[0] ?? null, only) }, ...additional.map(named)];
  const all = [...new Set([...names, ...additional])];
  return all.length === 0 ? [entry] : all.map(named);
}

/** By the order that things were put with; null where that does not tell them apart. */
export function inOrder(a: { order?: number | undefined }, b: { order?: number | undefined }): number | null {
  if (a.order === undefined || b.order === undefined || a.order === b.order) return null;
  return a.order - b.order;
}

function keyOf({ digest, annotations }: IndexEntry): string {
  return JSON.stringify([digest, annotations]);
}

function byName(a: IndexEntry, b: IndexEntry): number {
  return sortKey(a) < sortKey(b) ? -1 : 1;
}

function sortKey({ annotations, digest }: IndexEntry): string {
  return `${annotations?.[CONTAINERD_NAME] ?? annotations?.[REF_NAME] ?? ''} ${digest}`;
}
