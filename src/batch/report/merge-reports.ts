import { badArgument } from '../../errors/arguments.ts';
import { assembled, sumOf } from './assemble.ts';
import { sumOfStages } from './batch-report.ts';
import type { BatchReport, ReportImage, ReportLayer, ReportState, Sitting } from './report.ts';
import { joined } from './sittings.ts';
import { isoTime, mergeThroughput } from './throughput.ts';

/** The furthest of several states is what counts. */
const FAR: readonly ReportState[] = ['waiting', 'begun', 'failed', 'done'];

/**
 * One report of several: of the shards of a batch, or of batches that have nothing in common. Images and layers that are
 * in several of them count once. Throws INVALID_ARGUMENT when a ledger is among them twice.
 */
export function mergeReports(reports: readonly BatchReport[]): BatchReport {
  const [first, ...others] = reports;
  if (first === undefined) throw badArgument('report', 'there is nothing to merge; name at least one ledger or report');
  if (others.length === 0) return first;
  refuseTwice(reports);
  const layers = mergedLayers(reports);
  const images = mergedImages(reports, layers);
  const sittings = mergedSittings(reports);
  return assembled({
    layermill: first.layermill,
    at: reports.map(({ at }) => at).reduce((a, b) => (a > b ? a : b)),
    ledgers: reports.flatMap(({ ledgers }) => ledgers),
    sittings: sittings.map(({ from, to }) => ({ from: isoTime(from), to: isoTime(to) })),
    throughput: mergeThroughput(
      reports.map(({ throughput }) => throughput),
      sittings,
    ),
    stages: sumOfStages(reports.map(({ stages }) => stages)),
    sources: sumOf(reports, ({ totals }) => totals.sources.read + totals.sources.failed),
    duplicates: images.duplicates,
    images: images.items,
    layers: layers.items,
  });
}

function refuseTwice(reports: readonly BatchReport[]): void {
  const seen = new Set<string>();
  for (const { location, plan } of reports.flatMap(({ ledgers }) => ledgers)) {
    const name = `${location} ${plan}`;
    if (seen.has(name)) throw badArgument(location, `${location} is given twice; a report counts each ledger once`);
    seen.add(name);
  }
}

function mergedSittings(reports: readonly BatchReport[]): ReturnType<typeof joined> {
  const spans = (sittings: readonly Sitting[]): { from: number; to: number }[] =>
    sittings.map(({ from, to }) => ({ from: Date.parse(from), to: Date.parse(to) }));
  return joined(reports.flatMap(({ sittings }) => spans(sittings)));
}

interface Merged<Item> {
  items: Item[];
  /** Of each report: where its items are now. */
  places: number[][];
}

/** Items by key; what is in several reports is handed to `join`. */
function merged<Item extends { key: string }>(
  lists: readonly (readonly Item[])[],
  join: (known: Item, other: Item) => Item,
): Merged<Item> {
  const [items, byKey]: [Item[], Map<string, number>] = [[], new Map()];
  const places = lists.map((list) =>
    list.map((item) => {
      const known = byKey.get(item.key);
      if (known === undefined) byKey.set(item.key, items.push(item) - 1);
      else items[known] = join(items[known]!, item);
      return byKey.get(item.key)!;
    }),
  );
  return { items, places };
}

function further<Item extends { state: ReportState }>(known: Item, other: Item): Item {
  return FAR.indexOf(other.state) > FAR.indexOf(known.state) ? other : known;
}

/** Uses and images are found again from the merged images. */
function mergedLayers(reports: readonly BatchReport[]): Merged<ReportLayer> {
  return merged(
    reports.map(({ layers }) => layers.map((layer) => ({ ...layer, uses: 0, image: null }))),
    (known: ReportLayer, other: ReportLayer) => ({
      ...further(known, other),
      sent: known.sent + other.sent,
      stages: sumOfStages([known.stages, other.stages]),
      attempts: known.attempts + other.attempts,
      there: known.there && other.there,
    }),
  );
}

function mergedImages(
  reports: readonly BatchReport[],
  layers: Merged<ReportLayer>,
): { items: ReportImage[]; duplicates: BatchReport['duplicates'] } {
  const ledgersBefore = countedBefore(reports.map(({ ledgers }) => ledgers.length));
  const lists = reports.map(({ images }, report) =>
    images.map((image) => ({
      ...image,
      ledger: image.ledger + ledgersBefore[report]!,
      layers: image.layers.map((place) => layers.places[report]![place]!),
    })),
  );
  const { items, places } = merged<ReportImage>(lists, further);
  for (const place of items.flatMap((image) => image.layers)) layers.items[place]!.uses++;
  reports.forEach((report, number) => {
    report.layers.forEach(({ image }, place) => {
      if (image !== null) layers.items[layers.places[number]![place]!]!.image ??= places[number]![image]!;
    });
  });
  return { items, duplicates: duplicatesOf(reports, lists, places, ledgersBefore) };
}

/** How many there are before each. */
function countedBefore(counts: readonly number[]): number[] {
  let sum = 0;
  return counts.map((count) => (sum += count) - count);
}

/** Images that several of the reports have, with all ledgers that have them. */
function duplicatesOf(
  reports: readonly BatchReport[],
  lists: readonly (readonly ReportImage[])[],
  places: readonly number[][],
  ledgersBefore: readonly number[],
): BatchReport['duplicates'] {
  const ledgersOf = new Map<number, number[]>();
  const found = (place: number, ledgers: readonly number[]): void => {
    ledgersOf.set(place, [...(ledgersOf.get(place) ?? []), ...ledgers]);
  };
  for (const [report, { duplicates }] of reports.entries()) {
    const known = new Map(duplicates.map(({ image, ledgers }) => [image, ledgers]));
    for (const [place, { ledger }] of lists[report]!.entries()) {
      const own = known.get(place)?.map((number) => number + ledgersBefore[report]!) ?? [ledger];
      found(places[report]![place]!, own);
    }
  }
  const several = [...ledgersOf].filter(([, ledgers]) => ledgers.length > 1);
  return several.map(([image, ledgers]) => ({ image, ledgers }));
}
