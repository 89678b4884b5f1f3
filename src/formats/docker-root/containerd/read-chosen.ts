import { hasCode } from '../../../errors/kinds.ts';
import type { Digest } from '../../../identity/digest.ts';
import type { ModernImage, SourceItem } from '../../../image/image-source.ts';
import type { ImageContent } from '../../content.ts';
import type { FormatContext } from '../../context.ts';
import { nothingSelected } from '../../selection.ts';
import { ambiguous, beginsWith, isCalled, type StoreEntry, storeEntries } from './entries.ts';
import type { Metadata } from './metadata.ts';
import { StoreReader } from './store-reader.ts';

/** What `ref` selects; a record that cannot be read has a name too. Throws IMAGE_NOT_FOUND or ID_AMBIGUOUS. */
export async function* readChosen(
  content: ImageContent,
  metadata: Metadata,
  path: string,
  ref: string,
  context: FormatContext,
  warnings: string[],
): AsyncGenerator<SourceItem> {
  const entries = entriesOrNone(metadata, path, ref, warnings);
  const reader = new StoreReader(content, metadata, context, warnings);
  for (const entry of entries) yield* reader.items(entry);
  if (entries.length > 0) return;
  const broken = metadata.broken.filter((record) => isCalled(record.ref, ref));
  yield* broken;
  if (broken.length > 0) return;
  const all = storeEntries(metadata.images, path, null, []);
  const found = await imagesById(new StoreReader(content, metadata, context, []), all, ref);
  if (found.size === 0) throw nothingSelected(path, ref);
  if (found.size > 1) throw ambiguous(ref, [...found.keys()]);
  yield* found.values();
}

function entriesOrNone(metadata: Metadata, path: string, ref: string, warnings: string[]): StoreEntry[] {
  try {
    return storeEntries(metadata.images, path, ref, warnings);
  } catch (error) {
    if (hasCode(error, 'IMAGE_NOT_FOUND')) return [];
    throw error;
  }
}

/** The images whose config has a digest that begins so: what every other engine calls the id of an image. */
async function imagesById(
  reader: StoreReader,
  entries: readonly StoreEntry[],
  ref: string,
): Promise<Map<Digest, ModernImage>> {
  const found = new Map<Digest, ModernImage>();
  if (!/^(sha256:)?[a-f0-9]{1,64}$/.test(ref)) return found;
  for (const entry of entries) {
    for await (const item of reader.items(entry)) {
      if (item.kind === 'modern' && beginsWith(item.configDigest, ref)) found.set(item.configDigest, item);
    }
  }
  return found;
}
