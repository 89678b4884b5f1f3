import type { PackingName } from '../compression/codec.ts';
import type { Equality } from '../coordinator/copy/equality.ts';
import type { ManifestFormat } from '../image/media-types.ts';
import type { ImageFilter, NameFilter } from './image-filter.ts';

/**
 * What is to be done with many images, whoever said so: a job file, another tool's file, a command line. JSON values only:
 * its canonical text names the ledger, and is kept in it.
 */
export interface Batch {
  entries: readonly BatchEntry[];
  limits: BatchLimits;
}

/** Bounds of a whole run; what is not said comes from the settings. */
export interface BatchLimits {
  /** Layers and images at once; the machine and each host decide without it. */
  jobs?: number | undefined;
  /** How often an image or layer is tried again after a failure that may pass; 3 without it. */
  retries?: number | undefined;
  /** Bytes of temporary files. */
  spoolBytes?: number | undefined;
  /** Bytes of memory: there are fewer threads where all would need more. */
  memoryBytes?: number | undefined;
  /** Stop at the first failure instead of finishing the rest. */
  abortOnError?: boolean | undefined;
}

/** One line of a batch: some images, and where they go. */
export interface BatchEntry {
  source: BatchSource;
  /**
   * Where they go: one layout, archive or `docker://HOST/PATH/` for all of them, names kept as references; or a template,
   * whose `{name}`, `{tag}`, … each image fills in.
   */
  target: string;
  /** Of an index only these (`os/architecture[/variant]`); all of them by default. */
  platforms?: readonly string[] | undefined;
  /** Also what refers to the images. */
  referrers?: boolean | undefined;
  filter?: ImageFilter | undefined;
  /** Applied in order to each name: a regular expression and what takes its place (`$1`, …). */
  rename?: readonly { from: string; to: string }[] | undefined;
  packing?: BatchPacking | undefined;
  format?: ManifestFormat | undefined;
  preserveDigests?: boolean | undefined;
  allow?: Equality | undefined;
  /** What of the bounds of the run is another one for these images. */
  limits?: Pick<BatchLimits, 'retries' | 'abortOnError'> | undefined;
}

export interface BatchPacking {
  compression?: PackingName | undefined;
  level?: number | undefined;
  reproducible?: boolean | undefined;
  /** Pack also the layers that came in the compression asked for. */
  repack?: boolean | undefined;
}

/** Where images come from; what has several members is listed when the batch is planned. */
export type BatchSource =
  /** Anything that can be opened as one source: `docker-archive:…`, `oci:…`, `docker://HOST/NAME:TAG`, `docker-root:…`, a bare path. */
  | { type: 'location'; location: string }
  /** Every tag of `docker://HOST/NAME` that the filter lets through. */
  | { type: 'repository'; location: string }
  /** Every repository of `docker://HOST` that the filter lets through, with its tags. */
  | { type: 'registry'; location: string; repositories?: NameFilter | undefined }
  /** Files whose names fit: `docker-archive:/archives/*.tar`, `/archives/**` (the kind of each is found out). */
  | { type: 'pattern'; location: string };
