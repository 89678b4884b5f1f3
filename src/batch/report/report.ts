import type { Equality } from '../../coordinator/copy/equality.ts';
import type { FailureClass, ItemState, Json, Stages } from '../ledger/ledger.ts';

/**
 * What became of a batch, by its ledger, during or after a run. Plain JSON; its schema is `config/report.schema.json`.
 * Times are ISO 8601, sizes bytes. A place is the index of an image or layer in `images` or `layers`.
 */
export interface BatchReport {
  version: 1;
  /** The version of the layermill that made it. */
  layermill: string;
  /** When it was made. */
  at: string;
  /** `unfinished`: something waits, or was begun. */
  state: 'finished' | 'unfinished';
  /** One, or those of all shards that were merged. */
  ledgers: ReportedLedger[];
  totals: ReportTotals;
  /** When somebody was at it, oldest first; between them nobody was. */
  sittings: Sitting[];
  throughput: Throughput;
  /** Milliseconds of work over all threads. */
  stages: Stages;
  sharing: Sharing;
  /** Places of those with the most seconds, slowest first. */
  slowest: { images: number[]; layers: number[] };
  /** What has failed and was not done since, most images first. */
  failures: FailureGroup[];
  destinations: ReportedDestination[];
  /** Images that are in several of the merged ledgers: the furthest result counts. */
  duplicates: { image: number; ledgers: number[] }[];
  images: ReportImage[];
  layers: ReportLayer[];
}

export type ReportState = 'waiting' | 'begun' | 'done' | 'failed';

/** `claimed` says that somebody is at it, or was when they were stopped. */
export const STATE_OF: Readonly<Record<ItemState, ReportState>> = {
  waiting: 'waiting',
  claimed: 'begun',
  done: 'done',
  failed: 'failed',
};

export type Counts = Record<ReportState | 'total', number>;

interface ReportedLedger {
  location: string;
  /** The id of its plan; null before there is one. */
  plan: string | null;
  images: Counts;
  sentBytes: number;
  sittings: Sitting[];
}

export interface ReportTotals {
  /** Images, indexes and artifacts. */
  images: Counts;
  /** Distinct layers. */
  layers: Counts;
  /** Layers of all images, each as often as it is used. */
  layersInImages: number;
  /** Those that could not be read stand among the images, as what should have come of them. */
  sources: { read: number; failed: number };
  /** Bytes of layers in the sources: each image by itself, each distinct layer once, and the difference. */
  logicalBytes: number;
  distinctBytes: number;
  sharedBytes: number;
  /** Of the distinct bytes those of layers that are done, and those that destinations had before. */
  doneBytes: number;
  thereBytes: number;
  sentBytes: number;
  /** Attempts beyond the first, of images and layers. */
  retries: number;
  warnings: number;
  started: string | null;
  /** Null while it is unfinished. */
  ended: string | null;
  /** Seconds in which somebody was at it; pauses do not count. */
  seconds: number;
}

export interface Sitting {
  from: string;
  to: string;
}

/** What was finished when; buckets in which nothing was are left out. They begin at multiples of their length since 1970. */
export interface Throughput {
  bucketSeconds: number;
  buckets: Bucket[];
}

export interface Bucket {
  at: string;
  /** Of the layers that were finished in it, in the sources. */
  bytes: number;
  /** Sent or written. */
  sent: number;
  layers: number;
  images: number;
  /** Attempts that failed, of images and layers. */
  failed: number;
}

export interface Sharing {
  /** Layers by how many images use them. */
  bands: SharingBand[];
  /** Places of the layers that save most, the largest saving first. */
  layers: number[];
}

export interface SharingBand {
  /** Used by at least so many images, and at most by so many. */
  from: number;
  to: number | null;
  layers: number;
  bytes: number;
  savedBytes: number;
}

export interface ReportedFailure {
  class: FailureClass;
  code: string;
  message: string;
  details: Json;
}

export interface FailureGroup {
  class: FailureClass;
  code: string;
  /** What to do. */
  advice: string;
  /** Places of those that failed. */
  images: number[];
  layers: number[];
}

export interface ReportedDestination {
  /** Of a registry all of it: `docker://HOST`. */
  destination: string;
  images: Counts;
  layers: Counts;
  /** Of its distinct layers in the sources. */
  bytes: number;
  sent: number;
}

export interface ReportImage {
  /** Of the item of the ledger. */
  key: string;
  /** Place in `ledgers` of the one that says so. */
  ledger: number;
  kind: 'image' | 'index' | 'artifact';
  state: ReportState;
  /** Where it comes from, and what it is called there. */
  source: string;
  ref: string;
  /** Its number in its source; null for a source that could not be read. */
  place: number | null;
  names: string[];
  destination: string;
  /** In a repository. */
  tags: string[];
  platform: string | null;
  /** Of the manifest before and after; null where there are no manifests, or it is not done. */
  sourceDigest: string | null;
  digest: string | null;
  equality: Equality | null;
  /** False when nothing had to be brought; null when it is not done. */
  changed: boolean | null;
  /** Places of its layers, base first. */
  layers: number[];
  /** Of its layers in the source, and in the destination when it is done. */
  bytes: number;
  storedBytes: number | null;
  attempts: number;
  warnings: string[];
  started: string | null;
  ended: string | null;
  /** Seconds of work: its own, and that of the layers that were read from it. */
  seconds: number | null;
  /** The last one, also when it has gone well since. */
  failure: ReportedFailure | null;
}

export interface ReportLayer {
  key: string;
  state: ReportState;
  /** What it is known by in its source. */
  digest: string;
  diffId: string;
  profile: string;
  destination: string;
  /** Bytes in the source; an estimate where the plan did not know. */
  size: number;
  /** Whether the destination had it before. */
  there: boolean;
  /** How many images use it; an image that has it twice counts twice. */
  uses: number;
  /** Place of the image whose source it is read from; null when that is not in the report. */
  image: number | null;
  /** The blob in the destination; null when it is not done. */
  result: { digest: string; size: number } | null;
  sent: number;
  stages: Stages;
  attempts: number;
  started: string | null;
  ended: string | null;
  seconds: number | null;
  failure: ReportedFailure | null;
}
