import { engineError, hasCode } from '../../../errors/kinds.ts';
import type { BrokenImage, SourceItem } from '../../../image/image-source.ts';
import { isIndexType, isManifestType } from '../../../image/media-types.ts';
import { quoted } from '../../../image/strict-json.ts';
import { brokenImage } from '../../broken.ts';
import type { ImageContent } from '../../content.ts';
import type { FormatContext } from '../../context.ts';
import { readIndex } from '../../read-index.ts';
import { readManifest } from '../../read-manifest.ts';
import { discardedLayer } from './discarded.ts';
import type { StoreEntry } from './entries.ts';
import type { Metadata } from './metadata.ts';

/** Reads the images of a content store that records name. */
export class StoreReader {
  readonly #content: ImageContent;
  readonly #metadata: Metadata;
  readonly #context: FormatContext;
  readonly #warnings: string[];

  constructor(content: ImageContent, metadata: Metadata, context: FormatContext, warnings: string[]) {
    this.#content = content;
    this.#metadata = metadata;
    this.#context = context;
    this.#warnings = warnings;
  }

  /** What an entry is: an image, or the images of an index and the index. What is wrong is an item of its own. */
  async *items(entry: StoreEntry): AsyncGenerator<SourceItem> {
    try {
      const { mediaType } = entry.descriptor;
      if (isIndexType(mediaType)) yield* this.#index(entry);
      else if (isManifestType(mediaType)) yield* this.#image(entry);
      else this.#skip(entry, `it is no image (${quoted(mediaType)})`);
    } catch (error) {
      yield await this.#told(brokenImage(entry.ref, error), entry);
    }
  }

  async *#image(entry: StoreEntry): AsyncGenerator<SourceItem> {
    const read = await readManifest(this.#content, entry, this.#context);
    if (read.kind === 'modern' || read.kind === 'broken') yield read;
    else this.#skip(entry, 'it is no image');
  }

  /** Most often only one platform of an index was pulled; of the others the manifests may be here all the same. */
  async *#index(entry: StoreEntry): AsyncGenerator<SourceItem> {
    const parts: BrokenImage[] = [];
    let others = 0;
    const reading = readIndex(this.#content, entry, this.#context);
    let next = await reading.next();
    for (; next.done !== true; next = await reading.next()) {
      const item = next.value.kind === 'broken' ? await this.#told(next.value, entry) : next.value;
      if (item.kind === 'broken' && hasCode(item.error, 'BLOB_MISSING')) parts.push(item);
      else {
        others += 1;
        yield item;
      }
    }
    const { missing } = next.value;
    if (others === 0) yield* this.#incomplete(entry, parts, missing);
    else if (parts.length + missing.length > 0) {
      this.#warnings.push(`${quoted(entry.ref)}: ${parts.length + missing.length} members of its index are not here`);
    }
  }

  *#incomplete(entry: StoreEntry, parts: BrokenImage[], [first]: { digest: string }[]): Generator<SourceItem> {
    yield* parts;
    if (parts.length > 0) return;
    if (first === undefined) {
      this.#skip(entry, 'its index lists no image');
      return;
    }
    const { digest } = entry.descriptor;
    const message = `nothing of the index ${digest} is in the content store; pull the image again`;
    throw engineError('BLOB_MISSING', message, { digest: first.digest });
  }

  /** With the better error for a layer of which only the unpacked files are left. */
  async #told(broken: BrokenImage, entry: StoreEntry): Promise<BrokenImage> {
    const error = await discardedLayer(broken.error, entry, this.#content, this.#metadata, this.#context);
    return error === null ? broken : { ...broken, error };
  }

  #skip({ ref }: StoreEntry, why: string): void {
    this.#warnings.push(`${quoted(ref)}: skipped, ${why}`);
  }
}
