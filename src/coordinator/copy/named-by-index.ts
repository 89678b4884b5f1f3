import type { Digest } from '../../identity/digest.ts';
import type { ModernImage, Platform, SourceIndex, SourceItem } from '../../image/image-source.ts';

/**
 * With one platform wanted, an index stands for its one image: that gets the names, and the index is not copied. Images
 * come before their index, so those without names wait for it.
 */
export async function* namedByIndex(
  items: AsyncIterable<SourceItem>,
  platforms: readonly Platform[] | undefined,
): AsyncGenerator<SourceItem> {
  if (platforms?.length !== 1) {
    yield* items;
    return;
  }
  let waiting: ModernImage[] = [];
  for await (const item of items) {
    if (item.kind === 'modern' && item.names.length === 0 && item.manifest !== null) waiting.push(item);
    else if (item.kind === 'index' && waiting.some(({ manifest }) => isMember(item, manifest?.digest))) {
      for (const image of waiting) {
        const isIts = isMember(item, image.manifest?.digest);
        yield isIts ? { ...image, ref: item.ref, names: [...item.names], inIndex: undefined } : image;
      }
      waiting = [];
    } else {
      // What refers to images comes when all of them have come.
      if (item.kind === 'artifact') yield* waiting.splice(0);
      yield item;
    }
  }
  yield* waiting;
}

function isMember({ members }: SourceIndex, digest: Digest | undefined): boolean {
  return members.some((member) => member.digest === digest);
}
