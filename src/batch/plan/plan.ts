import type { ErrorCode } from '../../errors/codes.ts';
import type { Digest } from '../../identity/digest.ts';
import type { Batch } from '../batch.ts';
import type { Json } from '../ledger/ledger.ts';

/**
 * A batch whose sources have been read: every image and every distinct layer, with what is known of their sizes. JSON
 * values only, so that it can be kept in a ledger, printed, and cut in shards.
 */
export interface Plan {
  version: 1;
  /** sha256 of the batch in canonical JSON. */
  id: string;
  batch: Batch;
  sources: PlannedSource[];
  /** In the order in which destinations list them: an index after its images, an artifact after what it is about. */
  images: PlannedImage[];
  /** Each distinct layer once for each destination that gets it. */
  blobs: PlannedBlob[];
}

/** One source that was read, and what tells whether it has changed since. */
export interface PlannedSource {
  /** As `openSource` takes it. */
  location: string;
  /** The entry of the batch that named it. */
  entry: number;
  /** Size and times of the file, or the digest that the tag leads to; null where only reading tells. */
  fingerprint: string | null;
}

/** Something that is known to go wrong before it is tried. */
export interface Problem {
  code: ErrorCode;
  message: string;
  details: Json;
}

type PlannedKind = 'image' | 'index' | 'artifact';

export interface PlannedImage {
  /** The same for the same thing in every plan: a digest of source, place in it and destination. */
  key: string;
  kind: PlannedKind;
  /** The number of its source. */
  source: number;
  /** Its place among all that the source gives; null for a source that could not be read. */
  place: number | null;
  /** What it is called in its source. */
  ref: string;
  /** What it will be called, in familiar form. */
  names: string[];
  /** The one name in the destination (a tag of a repository), beside which there are `additional` ones; null for all of `names`. */
  only: string | null;
  additional: string[];
  /** The names of the index that lists it, of an image without names of its own. */
  inIndex: string[] | null;
  /** Where it goes, as `openSink` takes it. */
  destination: string;
  /** Of the manifest or index as it is in the source. */
  digest: Digest | null;
  configDigest: Digest | null;
  platform: string | null;
  /** Keys of the blobs of its layers, base first. */
  blobs: string[];
  /** Keys of the images that must be there before it: members of an index, what an artifact is about. */
  needs: string[];
  /** Why it cannot be done. */
  problem: Problem | null;
}

export interface PlannedBlob {
  /** A digest of what it is known by, profile and destination. */
  key: string;
  /** What it is known by in its source: the digest of the blob, or the DiffID where it is rebuilt. */
  digest: Digest;
  diffId: Digest;
  /** `keep`, or how it will be packed (`gzip:zlib/1.3.1:l6:b1M`). */
  profile: string;
  /** Bytes in the source; of a rebuilt layer an estimate, null when nobody knows. */
  size: number | null;
  destination: string;
  /** Whether the destination has it already, as far as the plan can know. */
  there: boolean;
  /** Where its bytes are: the first image that has it, and which of its layers it is. */
  image: string;
  layer: number;
}
