import * as v from 'valibot';
import { EQUALITIES } from '../../coordinator/copy/equality.ts';
import { badArgument } from '../../errors/arguments.ts';
import { quoted } from '../../image/strict-json.ts';
import { type Json, STAGES } from '../ledger/ledger.ts';
import type { BatchReport } from './report.ts';

const text = v.string();
const maybeText = v.nullable(text);
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const time = v.pipe(
  text,
  v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  v.check((value) => !Number.isNaN(Date.parse(value))),
);
const seconds = v.pipe(v.number(), v.minValue(0));
const state = v.picklist(['waiting', 'begun', 'done', 'failed']);
const failureClass = v.picklist(['passing', 'permanent', 'resource']);

const counts = v.object({ total: count, done: count, failed: count, begun: count, waiting: count });
const sittings = v.array(v.object({ from: time, to: time }));
const stages = v.object(v.entriesFromList(STAGES, v.exactOptional(v.pipe(v.number(), v.minValue(0)))));
const failure = v.object({
  class: failureClass,
  code: text,
  message: text,
  details: v.custom<Json>((value) => value !== undefined),
});

const settled = {
  attempts: count,
  started: v.nullable(time),
  ended: v.nullable(time),
  seconds: v.nullable(seconds),
  failure: v.nullable(failure),
};

const image = v.object({
  key: text,
  ledger: count,
  kind: v.picklist(['image', 'index', 'artifact']),
  state,
  source: text,
  ref: text,
  place: v.nullable(count),
  names: v.array(text),
  destination: text,
  tags: v.array(text),
  platform: maybeText,
  sourceDigest: maybeText,
  digest: maybeText,
  equality: v.nullable(v.picklist(EQUALITIES)),
  changed: v.nullable(v.boolean()),
  layers: v.array(count),
  bytes: count,
  storedBytes: v.nullable(count),
  warnings: v.array(text),
  ...settled,
});

const layer = v.object({
  key: text,
  state,
  digest: text,
  diffId: text,
  profile: text,
  destination: text,
  size: count,
  there: v.boolean(),
  uses: count,
  image: v.nullable(count),
  result: v.nullable(v.object({ digest: text, size: count })),
  sent: count,
  stages,
  ...settled,
});

const totals = v.object({
  images: counts,
  layers: counts,
  layersInImages: count,
  sources: v.object({ read: count, failed: count }),
  logicalBytes: count,
  distinctBytes: count,
  sharedBytes: count,
  doneBytes: count,
  thereBytes: count,
  sentBytes: count,
  retries: count,
  warnings: count,
  started: v.nullable(time),
  ended: v.nullable(time),
  seconds,
});

const throughput = v.object({
  bucketSeconds: v.pipe(count, v.minValue(1)),
  buckets: v.array(v.object({ at: time, bytes: count, sent: count, layers: count, images: count, failed: count })),
});

const sharing = v.object({
  bands: v.array(v.object({ from: count, to: v.nullable(count), layers: count, bytes: count, savedBytes: count })),
  layers: v.array(count),
});

const REPORT: v.GenericSchema<unknown, BatchReport> = v.object({
  version: v.literal(1),
  layermill: text,
  at: time,
  state: v.picklist(['finished', 'unfinished']),
  ledgers: v.array(v.object({ location: text, plan: maybeText, images: counts, sentBytes: count, sittings })),
  totals,
  sittings,
  throughput,
  stages,
  sharing,
  slowest: v.object({ images: v.array(count), layers: v.array(count) }),
  failures: v.array(
    v.object({
      class: failureClass,
      code: text,
      advice: text,
      images: v.array(count),
      layers: v.array(count),
    }),
  ),
  destinations: v.array(v.object({ destination: text, images: counts, layers: counts, bytes: count, sent: count })),
  duplicates: v.array(v.object({ image: count, ledgers: v.array(count) })),
  images: v.array(image),
  layers: v.array(layer),
});

/** A report that was written before, from its JSON. Throws INVALID_ARGUMENT that names `file` and the first place that is wrong. */
export function decodeReport(document: unknown, file: string): BatchReport {
  const result = v.safeParse(REPORT, document, { abortEarly: true });
  const place = result.success ? wrongPlace(result.output) : v.getDotPath(result.issues[0]);
  if (result.success && place === null) return result.output;
  const where = place === null ? '' : `, at ${quoted(place)}`;
  const message = `${file} is no report of a batch that this layermill knows${where}; \`layermill report --format json\` writes them`;
  throw badArgument(file, message);
}

/** The first list of places with one that leads nowhere. */
function wrongPlace({
  images,
  layers,
  ledgers,
  sharing: shared,
  slowest,
  failures,
  duplicates,
}: BatchReport): string | null {
  const lists: [name: string, places: readonly (number | null)[], length: number][] = [
    ['images.layers', images.flatMap((found) => found.layers), layers.length],
    ['images.ledger', images.map(({ ledger }) => ledger), ledgers.length],
    ['layers.image', layers.map((found) => found.image), images.length],
    ['sharing.layers', shared.layers, layers.length],
    ['slowest.images', slowest.images, images.length],
    ['slowest.layers', slowest.layers, layers.length],
    ['failures.images', failures.flatMap((group) => group.images), images.length],
    ['failures.layers', failures.flatMap((group) => group.layers), layers.length],
    ['duplicates.image', duplicates.map((found) => found.image), images.length],
    ['duplicates.ledgers', duplicates.flatMap((found) => found.ledgers), ledgers.length],
  ];
  return lists.find(([, places, length]) => places.some((place) => place !== null && place >= length))?.[0] ?? null;
}
