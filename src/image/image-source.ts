import type { EngineError } from '../errors/engine-error.ts';
import type { Digest } from '../identity/digest.ts';
import type { BlobRef } from '../streams/blob-ref.ts';
import type { PendingBlob } from './pending-blob.ts';

/** Where images come from: an archive, a layout, a registry, a data directory. Read once, from first to last. */
export interface ImageSource {
  /** As skopeo spells it: `docker-archive`, `oci`, … */
  readonly transport: string;
  /** What the person wrote, for messages and reports. */
  readonly location: string;
  /**
   * Everything in the source, in its order; an index follows its images. An image that cannot be read is an item with
   * its error, so that the others go on; only a source that holds nothing readable throws (NOT_AN_IMAGE, …).
   */
  images(): AsyncIterable<SourceItem>;
  /** What is worth a line about the source as a whole; complete when `images` has ended. */
  readonly warnings?: readonly string[];
  /** Removes what was spooled. Blob references die with it. */
  close(): Promise<void>;
}

export type SourceItem = ModernImage | LegacyImage | SourceIndex | SourceArtifact | BrokenImage;

export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
  osVersion?: string;
}

/** A content-addressed image: its id is the digest of its config. */
export interface ModernImage {
  kind: 'modern';
  /** What this image is called in its source: `busybox:latest`, `#0`, a digest. */
  ref: string;
  /** Names to tag it with, `repository:tag` in familiar form. */
  names: string[];
  /** The raw config, never re-serialised, and its sha256. */
  config: Buffer;
  configDigest: Digest;
  /** Null where the config does not say. */
  platform: Platform | null;
  /** Base first. */
  layers: SourceLayer[];
  /** The raw manifest where the source has one (not docker-archive's manifest.json). */
  manifest: { raw: Buffer; mediaType: string; digest: Digest } | null;
  /** Accepted oddities worth a line to the person. */
  warnings: string[];
  /** The names of the index that lists it and comes after it. */
  inIndex?: readonly string[] | undefined;
}

export interface SourceLayer {
  /** What the config says; checked against the bytes before anything is committed. */
  diffId: Digest;
  /** `digest` and `size` are set where a manifest names them. */
  blob: BlobRef | PendingBlob;
  mediaType: string | null;
}

/** An image of the time before content addresses: a chain of v1 images, one layer each. */
export interface LegacyImage {
  kind: 'legacy';
  ref: string;
  names: string[];
  /** Base first; the last one is the image itself. */
  chain: LegacyLayer[];
  warnings: string[];
}

export interface LegacyLayer {
  id: string;
  parent: string | null;
  /** The v1 JSON byte for byte. */
  json: Buffer;
  layer: BlobRef | PendingBlob;
}

/** A multi-platform index whose images came before it. */
export interface SourceIndex {
  kind: 'index';
  ref: string;
  names: string[];
  raw: Buffer;
  mediaType: string;
  digest: Digest;
  /** In index order. `configDigest` is null for what is no image, or is not in the source. */
  members: { digest: Digest; platform: Platform | null; configDigest: Digest | null }[];
  /** Members that are no images (attestations) with what they refer to, kept as blobs. */
  attachments: (BlobRef | PendingBlob)[];
}

/** What refers to an image that came before it: a signature, a statement, a list of contents. */
export interface SourceArtifact {
  kind: 'artifact';
  ref: string;
  /** The manifest that it says it is about (`subject`); null where only its tag says so. */
  subject: Digest | null;
  /** The tag that stands for what it is about (`sha256-<hex>.sig`), where it was found by one. */
  tag: string | null;
  /** The manifest, never re-serialised. */
  raw: Buffer;
  mediaType: string;
  digest: Digest;
  artifactType: string | null;
  annotations: ReadonlyMap<string, string>;
  /** All that the manifest names, of whatever type, with digest and size. */
  blobs: (BlobRef | PendingBlob)[];
}

export interface BrokenImage {
  kind: 'broken';
  ref: string;
  error: EngineError;
  /** What it is called, where its source says so. */
  names?: readonly string[] | undefined;
  /** Of its manifest or index, where its source names one. */
  digest?: Digest | undefined;
  /** What its manifest names, where that could be read and somebody asked for all that is wrong. */
  blobs?: readonly (BlobRef | PendingBlob)[] | undefined;
}
