import { parseLocation } from '../../formats/transports.ts';
import type { Batch, BatchEntry } from '../batch.ts';
import { groupBy } from './group-by.ts';
import type { Plan, PlannedImage } from './plan.ts';

/** Images that have to stay together: an index and its images, what comes from one source and cannot be named apart. */
interface Unit {
  source: number;
  entry: BatchEntry;
  layers: ReadonlySet<string>;
  bytes: number;
}

interface Shard {
  units: Unit[];
  layers: Set<string>;
  bytes: number;
}

/**
 * Cuts a plan in batches that share as few layers as possible and take about as long: each is planned and run by itself, on
 * another machine too. Largest first, each source goes where it adds the fewest bytes, and an overfull shard takes no more.
 */
export function shardsOf(plan: Plan, count: number): Batch[] {
  const sizes = new Map(plan.blobs.map(({ key, size }) => [key, size ?? 0]));
  const units = unitsOf(plan, sizes).toSorted((a, b) => b.bytes - a.bytes || a.source - b.source);
  const shards = Array.from({ length: count }, (): Shard => ({ units: [], layers: new Set(), bytes: 0 }));
  // What all would do if nothing were shared twice, and some more, so that families of images may stay together.
  const fair = (1.2 * sum(sizes.values())) / count;
  for (const unit of units) place(unit, shards, fair, sizes);
  return shards.map(({ units: own }) => ({
    entries: own.toSorted((a, b) => a.source - b.source).map(({ entry }) => entry),
    limits: plan.batch.limits,
  }));
}

function place(unit: Unit, shards: readonly Shard[], fair: number, sizes: ReadonlyMap<string, number>): void {
  const added = (shard: Shard): number => {
    let bytes = 0;
    for (const layer of unit.layers) if (!shard.layers.has(layer)) bytes += sizes.get(layer)!;
    return bytes;
  };
  const fits = shards.filter((shard) => shard.bytes + added(shard) <= fair);
  const least = fits.length > 0 ? fits : shards;
  // Where nothing fits any more, or two are as good, the emptiest.
  const cost = (shard: Shard): [number, number] =>
    fits.length > 0 ? [added(shard), shard.bytes] : [shard.bytes, added(shard)];
  const best = least.reduce((one, other) => (compare(cost(other), cost(one)) < 0 ? other : one));
  best.bytes += added(best);
  best.units.push(unit);
  for (const layer of unit.layers) best.layers.add(layer);
}

function compare(a: [number, number], b: [number, number]): number {
  return a[0] - b[0] || a[1] - b[1];
}

/** A source is the smallest thing that a batch can name for sure. */
function unitsOf({ images, sources, batch }: Plan, sizes: ReadonlyMap<string, number>): Unit[] {
  const bySource = groupBy(images, ({ source }) => source);
  return sources.map(({ location, entry }, source) => {
    const own = bySource.get(source) ?? [];
    const layers = new Set(own.flatMap(({ blobs }) => blobs));
    const bytes = sum([...layers].map((key) => sizes.get(key)!));
    return { source, entry: entryFor(batch.entries[entry]!, location, own), layers, bytes };
  });
}

/** The entry for one of its sources. What was chosen among several is named, so that it is the same in the shard. */
function entryFor(entry: BatchEntry, location: string, images: readonly PlannedImage[]): BatchEntry {
  const { filter, ...rest } = entry;
  const alone = { ...rest, source: { type: 'location', location } as const };
  if (filter === undefined || parseLocation(location).transport === 'docker') return alone;
  const { newest, createdSince, ...byName } = filter;
  if (newest === undefined && createdSince === undefined) return { ...alone, filter };
  const names = images.flatMap((image) => [image.ref, ...image.names]);
  const tags = [...new Set(names.map((name) => name.slice(name.lastIndexOf(':') + 1)))];
  return { ...alone, filter: { ...byName, allow: tags.map((tag) => tag.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')) } };
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
