import { groupFailures } from './failure-groups.ts';
import type {
  BatchReport,
  Counts,
  ReportedDestination,
  ReportImage,
  ReportLayer,
  ReportState,
  ReportTotals,
} from './report.ts';
import { sharingOf } from './sharing.ts';
import { secondsOf } from './sittings.ts';

/** How many of the slowest are named. */
const SLOWEST = 10;

/** What is read of ledgers or other reports; everything else follows from it. */
export type Facts = Omit<
  BatchReport,
  'version' | 'state' | 'totals' | 'sharing' | 'slowest' | 'failures' | 'destinations'
> & {
  /** How many sources there are. */
  sources: number;
};

export function assembled({ sources, ...facts }: Facts): BatchReport {
  const { images, layers } = facts;
  const totals = totalsOf({ sources, ...facts });
  const state = unsettled(totals.images) + unsettled(totals.layers) > 0 ? 'unfinished' : 'finished';
  const { layermill, at, ledgers, sittings, throughput, stages, duplicates } = facts;
  return {
    version: 1,
    layermill,
    at,
    state,
    ledgers,
    totals: { ...totals, ended: state === 'finished' ? totals.ended : null },
    sittings,
    throughput,
    stages,
    sharing: sharingOf(layers),
    slowest: { images: slowest(images), layers: slowest(layers) },
    failures: groupFailures(facts),
    destinations: destinationsOf(images, layers),
    duplicates,
    images,
    layers,
  };
}

const unsettled = ({ waiting, begun }: Counts): number => waiting + begun;

export function countsOf(items: readonly { state: ReportState }[]): Counts {
  const counts = { total: items.length, done: 0, failed: 0, begun: 0, waiting: 0 };
  for (const { state } of items) counts[state]++;
  return counts;
}

function totalsOf({ images, layers, ledgers, sources, sittings }: Facts): ReportTotals {
  const sizes = (some: readonly ReportLayer[]): number => sumOf(some, ({ size }) => size);
  const unread = images.filter(({ place }) => place === null).length;
  const [logicalBytes, distinctBytes] = [sumOf(images, ({ bytes }) => bytes), sizes(layers)];
  return {
    images: countsOf(images),
    layers: countsOf(layers),
    layersInImages: sumOf(images, (image) => image.layers.length),
    sources: { read: Math.max(0, sources - unread), failed: unread },
    logicalBytes,
    distinctBytes,
    sharedBytes: Math.max(0, logicalBytes - distinctBytes),
    doneBytes: sizes(layers.filter(({ state }) => state === 'done')),
    thereBytes: sizes(layers.filter(({ there }) => there)),
    sentBytes: sumOf(ledgers, ({ sentBytes }) => sentBytes),
    retries: sumOf([...images, ...layers], ({ attempts }) => Math.max(0, attempts - 1)),
    warnings: sumOf(images, ({ warnings }) => warnings.length),
    started: sittings[0]?.from ?? null,
    ended: sittings.at(-1)?.to ?? null,
    seconds: secondsOf(sittings.map(({ from, to }) => ({ from: Date.parse(from), to: Date.parse(to) }))),
  };
}

export function sumOf<Item>(items: readonly Item[], valueOf: (item: Item) => number): number {
  return items.reduce((sum, item) => sum + valueOf(item), 0);
}

function slowest(items: readonly { seconds: number | null }[]): number[] {
  const timed = items.flatMap(({ seconds }, place) => (seconds === null || seconds === 0 ? [] : [{ seconds, place }]));
  return timed
    .toSorted((a, b) => b.seconds - a.seconds)
    .slice(0, SLOWEST)
    .map(({ place }) => place);
}

function destinationsOf(images: readonly ReportImage[], layers: readonly ReportLayer[]): ReportedDestination[] {
  const [theirImages, theirLayers] = [byDestination(images), byDestination(layers)];
  const names = new Set([...theirImages.keys(), ...theirLayers.keys()]);
  return [...names].map((destination) => {
    const own = theirLayers.get(destination) ?? [];
    return {
      destination,
      images: countsOf(theirImages.get(destination) ?? []),
      layers: countsOf(own),
      bytes: sumOf(own, ({ size }) => size),
      sent: sumOf(own, ({ sent }) => sent),
    };
  });
}

function byDestination<Item extends { destination: string }>(items: readonly Item[]): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const place = destinationPlace(item.destination);
    const group = groups.get(place);
    if (group === undefined) groups.set(place, [item]);
    else group.push(item);
  }
  return groups;
}

/** What a person takes for one destination: a whole registry, where each image may have a repository of its own. */
export function destinationPlace(destination: string): string {
  return /^docker:\/\/[^/]+/.exec(destination)?.[0] ?? destination;
}
