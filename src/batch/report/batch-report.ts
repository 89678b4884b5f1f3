import { parseRepositoryTag } from '../../identity/reference.ts';
import { packageVersion } from '../../config/defaults.ts';
import {
  type ItemResult,
  type LedgerEvent,
  type LedgerPlan,
  type LedgerRow,
  STAGES,
  type Stages,
} from '../ledger/ledger.ts';
import type { Summary } from '../ledger/ledger.ts';
import { assembled, countsOf } from './assemble.ts';
import { type BatchReport, type ReportedFailure, type ReportImage, type ReportLayer, STATE_OF } from './report.ts';
import { type ReportedPlan, imageDone, plannedBlob, plannedImage, reportedPlan } from './row-data.ts';
import { type Span, secondsOf, sittingsOf } from './sittings.ts';
import { isoTime, throughputOf } from './throughput.ts';

/** What is read of a ledger for a report. */
export interface BatchReading {
  /** What a person is told where the ledger is. */
  location: string;
  plan: Pick<LedgerPlan, 'id' | 'data'> | null;
  rows: readonly LedgerRow[];
  events: readonly LedgerEvent[];
  summary: Summary;
}

/** The rows of one reading with what all of them need. */
interface Context {
  location: string;
  plan: ReportedPlan | null;
  sittings: readonly Span[];
}

/** The report of one ledger. Throws LEDGER_INVALID when it holds what layermill does not write. */
export function batchReport({ location, plan, rows, events, summary }: BatchReading): BatchReport {
  const sittings = sittingsOf(events, rows);
  const context: Context = { location, plan: plan === null ? null : reportedPlan(plan.data, location), sittings };
  const { images, layers } = itemsOf(rows, context);
  const sizes = new Map(layers.map(({ key, size }) => [key, size]));
  const spans = sittings.map(({ from, to }) => ({ from: isoTime(from), to: isoTime(to) }));
  return assembled({
    layermill: packageVersion(),
    at: isoTime(summary.nowMs),
    ledgers: [{ location, plan: plan?.id ?? null, images: countsOf(images), sentBytes: summary.sent, sittings: spans }],
    sittings: spans,
    throughput: throughputOf(events, (key) => sizes.get(key) ?? 0, sittings),
    stages: sumOfStages(rows.map(({ result }) => result?.stages ?? {})),
    sources: context.plan?.sources.length ?? 0,
    duplicates: [],
    images,
    layers,
  });
}

export function sumOfStages(all: readonly Stages[]): Stages {
  const sums = STAGES.map((stage) => [stage, all.reduce((sum, stages) => sum + (stages[stage] ?? 0), 0)] as const);
  return Object.fromEntries(sums.filter(([, sum]) => sum > 0));
}

function itemsOf(rows: readonly LedgerRow[], context: Context): { images: ReportImage[]; layers: ReportLayer[] } {
  const ofKind = (kind: string): LedgerRow[] => rows.filter(({ item }) => item.kind === kind);
  const [imageRows, blobRows] = [ofKind('image'), ofKind('blob')];
  const imagePlaces = new Map(imageRows.map(({ item }, place) => [item.key, place]));
  const layers = blobRows.map((row) => layerOf(row, imagePlaces, context));
  const layerPlaces = new Map(layers.map(({ key }, place) => [key, place]));
  const images = imageRows.map((row) => imageOf(row, layers, layerPlaces, context));
  for (const { image, seconds } of layers) {
    const owner = image === null ? undefined : images[image];
    if (owner !== undefined && owner.seconds !== null) owner.seconds = rounded(owner.seconds + (seconds ?? 0));
  }
  return { images, layers };
}

function layerOf(row: LedgerRow, imagePlaces: ReadonlyMap<string, number>, context: Context): ReportLayer {
  const { digest, diffId, profile, destination, size, there, image } = plannedBlob(row.item.data, context.location);
  const blob = row.result?.blob ?? null;
  return {
    key: row.item.key,
    state: STATE_OF[row.state],
    digest,
    diffId,
    profile,
    destination,
    size: size ?? row.item.bytes,
    there,
    uses: 0,
    image: imagePlaces.get(image) ?? null,
    result: blob === null ? null : { digest: blob.digest, size: blob.size },
    sent: row.result?.sent ?? 0,
    stages: row.result?.stages ?? {},
    ...settled(row, context.sittings),
  };
}

function imageOf(
  row: LedgerRow,
  layers: readonly ReportLayer[],
  layerPlaces: ReadonlyMap<string, number>,
  { location, plan, sittings }: Context,
): ReportImage {
  const { source, blobs, digest: plannedDigest, only, additional, ...planned } = plannedImage(row.item.data, location);
  const done = doneOf(row.result, location);
  const places = blobs.map((key) => layerPlaces.get(key)).filter((place) => place !== undefined);
  for (const place of places) layers[place]!.uses++;
  return {
    key: row.item.key,
    ledger: 0,
    state: STATE_OF[row.state],
    source: done?.source ?? plan?.sources[source]?.location ?? `source ${source}`,
    ...planned,
    tags: only === null ? [] : [only, ...additional.map((name) => parseRepositoryTag(name).reference)],
    sourceDigest: done?.sourceDigest ?? plannedDigest,
    digest: done?.digest ?? null,
    equality: done?.equality ?? null,
    changed: done?.changed ?? null,
    layers: places,
    bytes: places.reduce((sum, place) => sum + layers[place]!.size, 0),
    storedBytes: done?.bytes ?? null,
    warnings: done?.warnings ?? [],
    ...settled(row, sittings),
  };
}

function doneOf(result: ItemResult | null, location: string): ReturnType<typeof imageDone> | null {
  return result === null ? null : imageDone(result.data, location);
}

type Settled = Pick<ReportImage, 'attempts' | 'started' | 'ended' | 'seconds' | 'failure'>;

/** Pauses between sittings are nobody's time. */
function settled({ attempts, startedMs, endedMs, failure }: LedgerRow, sittings: readonly Span[]): Settled {
  const ended = startedMs === null || endedMs === null ? null : { from: startedMs, to: endedMs };
  return {
    attempts,
    started: startedMs === null ? null : isoTime(startedMs),
    ended: endedMs === null ? null : isoTime(endedMs),
    seconds: ended === null ? null : rounded(secondsOf(sittings, ended)),
    failure: failure === null ? null : failureOf(failure),
  };
}

function failureOf({ class: kind, code, message, details }: ReportedFailure): ReportedFailure {
  return { class: kind, code, message, details };
}

/** Clocks count milliseconds. */
const rounded = (seconds: number): number => Math.round(seconds * 1000) / 1000;
