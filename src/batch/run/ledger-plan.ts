import type { Json, LedgerItem, LedgerPlan } from '../ledger/ledger.ts';
import { keyOf } from '../plan/keys.ts';
import type { Plan, PlannedBlob, PlannedImage } from '../plan/plan.ts';

/** From this many destinations on they are done one after the other, so that few are open and unfinished at a time. */
const MANY_DESTINATIONS = 9;

/** A destination that is to be finished when all that goes there is settled. */
export interface PlannedDestination {
  location: string;
  /** An entry that leads there: it says how it is opened. */
  entry: number;
}

/** The plan as the ledger keeps it: layers, largest first, then the images that need them, then the ends of destinations. */
export function toLedger(plan: Plan): LedgerPlan {
  const { images, blobs: _blobs, ...head } = plan;
  return {
    id: plan.id,
    data: head as unknown as Json,
    items: [...blobItems(plan), ...images.map((image, rank) => imageItem(image, rank)), ...destinationItems(plan)],
  };
}

export function fromLedger({ data, items }: LedgerPlan): Plan {
  const of = <Value>(kind: string): Value[] =>
    items
      .filter((item) => item.kind === kind)
      .toSorted((a, b) => a.rank - b.rank)
      .map((item) => item.data as unknown as Value);
  return {
    ...(data as unknown as Omit<Plan, 'images' | 'blobs'>),
    images: of<PlannedImage>('image'),
    blobs: of<PlannedBlob>('blob'),
  };
}

export function destinationKey(location: string): string {
  return keyOf('destination', location);
}

function blobItems({ blobs }: Plan): LedgerItem[] {
  const places = new Map<string, number>();
  for (const { destination } of blobs) if (!places.has(destination)) places.set(destination, places.size);
  const inTurn = places.size >= MANY_DESTINATIONS;
  const bySize = (a: PlannedBlob, b: PlannedBlob): number => (b.size ?? 0) - (a.size ?? 0);
  const sorted = blobs.toSorted((a, b) =>
    inTurn && a.destination !== b.destination ? places.get(a.destination)! - places.get(b.destination)! : bySize(a, b),
  );
  return sorted.map((blob, rank) => ({
    key: blob.key,
    kind: 'blob',
    rank,
    bytes: blob.size ?? 0,
    needs: [],
    blob: { digest: blob.digest, profile: blob.profile },
    data: blob as unknown as Json,
  }));
}

function imageItem(image: PlannedImage, rank: number): LedgerItem {
  const needs = [...new Set([...image.blobs, ...image.needs])];
  return { key: image.key, kind: 'image', rank, bytes: 0, needs, blob: null, data: image as unknown as Json };
}

function destinationItems({ images, sources }: Plan): LedgerItem[] {
  const groups = new Map<string, { entry: number; needs: string[] }>();
  for (const { destination, key, source, problem } of images) {
    if (problem !== null) continue;
    const group = groups.get(destination) ?? { entry: sources[source]!.entry, needs: [] };
    groups.set(destination, group);
    group.needs.push(key);
  }
  return [...groups].map(([location, { entry, needs }], rank) => {
    const data: PlannedDestination = { location, entry };
    return { key: destinationKey(location), kind: 'destination', rank, bytes: 0, needs, blob: null, data: { ...data } };
  });
}
