import type { PlanTotals } from '../events.ts';
import type { Plan } from './plan.ts';

/** The numbers of a plan. A layer that goes to several destinations counts once among the distinct ones. */
export function totalsOf({ images, blobs }: Plan): PlanTotals {
  const byKey = new Map(blobs.map((blob) => [blob.key, blob]));
  const uses = images.flatMap((image) => image.blobs.map((key) => byKey.get(key)!));
  const distinct = new Map(blobs.map((blob) => [blob.digest, blob]));
  const sum = (list: Iterable<{ size: number | null }>): number => {
    let bytes = 0;
    for (const { size } of list) bytes += size ?? 0;
    return bytes;
  };
  return {
    images: images.length,
    layers: uses.length,
    distinctLayers: distinct.size,
    logicalBytes: sum(uses),
    distinctBytes: sum(distinct.values()),
    thereBytes: sum(blobs.filter(({ there }) => there)),
    destinations: new Set(images.map(({ destination }) => destination)).size,
    failedSources: images.filter(({ place }) => place === null).length,
  };
}
