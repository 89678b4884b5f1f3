import { decodeConfig } from '../../image/decode-config.ts';
import type { SourceIndex, SourceItem } from '../../image/image-source.ts';

/** Something that a source gives by itself, before it is known where it goes: an image, or an index with its images. */
export interface Outline {
  /** Its place among all that the source gives. */
  place: number;
  names: readonly string[];
  /** RFC 3339; of an index that of its latest image. Null when nobody says. */
  created: string | null;
  /** Of an index: the places of its images. */
  members: readonly number[];
}

/** What is in a source, each image of an index with that. What refers to images is not here: it goes where those go. */
export function outlinesOf(items: readonly SourceItem[]): Outline[] {
  const places = new Map<string, number>();
  for (const [place, item] of items.entries())
    if (item.kind === 'modern' && item.manifest !== null) places.set(item.manifest.digest, place);
  const inIndexes = new Set(items.flatMap((item) => (item.kind === 'index' ? membersOf(item, places) : [])));
  return items.flatMap((item, place): Outline[] => {
    if (item.kind === 'artifact') return [];
    const { names = [] } = item;
    if (names.length === 0 && inIndexes.has(place)) return [];
    const members = item.kind === 'index' ? membersOf(item, places) : [];
    const times = [item, ...members.map((member) => items[member]!)].map(createdOf);
    return [{ place, names, created: times.toSorted().at(-1) || null, members }];
  });
}

function membersOf({ members }: SourceIndex, places: ReadonlyMap<string, number>): number[] {
  return members.flatMap(({ digest }) => places.get(digest) ?? []);
}

/** Empty where there is none, so that it sorts first. What cannot be decoded is told when the image is brought. */
function createdOf(item: SourceItem): string {
  try {
    if (item.kind === 'modern') return decodeConfig(item.config).created ?? '';
    return item.kind === 'legacy' ? decodeV1(item.chain.at(-1)!.json) : '';
  } catch {
    return '';
  }
}

function decodeV1(json: Buffer): string {
  const { created } = JSON.parse(json.toString('utf8')) as { created?: unknown };
  return typeof created === 'string' ? created : '';
}
