import type { Digest } from '../identity/digest.ts';
import type { Pour } from './pending-blob.ts';
import type { BlobRef } from '../streams/blob-ref.ts';
import type { SourceArtifact } from './image-source.ts';

/** Where images go: an archive, a layout, a registry. Nothing is visible before `checkpoint` or `commit`. */
export interface ImageSink {
  readonly transport: string;
  readonly location: string;
  /** What layers must look like here; `keep` copies a kept blob as it is where there is one. */
  readonly defaultCompression: 'keep' | 'none' | 'gzip' | 'zstd';
  /** Layers that come as plain tars are packed on the way here, unless another packing is asked for. */
  readonly plainLayers?: 'gzip';
  /** A directory from which `putBlob` with `move` costs a rename; without one any temporary directory does. */
  readonly workDir?: string;
  /** False where manifests have no place (a legacy archive). */
  readonly keepsManifests: boolean;

  /**
   * True when the destination holds this blob already, whole and of this size. A registry may take it over from
   * `origin` (`HOST/REPOSITORY`), when that is in the same registry.
   */
  hasBlob(digest: Digest, size: number, origin?: string): Promise<boolean>;
  /**
   * Takes a verified blob. With `move` the file is the sink's from now on (renamed or removed); otherwise it is copied.
   */
  putBlob(digest: Digest, blob: BlobRef & { size: number }, options: { move: boolean }): Promise<void>;
  /**
   * Takes a blob while it comes, and checks it: it then need not lie in a file before. `onBytes` is told how much has gone.
   * Only where it is known at once where a blob belongs.
   */
  pourBlob?(digest: Digest, size: number, pour: Pour, onBytes: (bytes: number) => void): Promise<void>;
  putImage(image: SinkImage): Promise<WrittenImage>;
  putIndex(index: SinkIndex): Promise<void>;
  /** Takes a manifest that is no image, a statement about one; where there is no such method it is a blob like others. */
  putManifest?(manifest: { raw: Buffer; mediaType: string; digest: Digest }): Promise<void>;
  /**
   * Takes the manifest of something that refers to a manifest that is here; its blobs were put before. Where there is no such
   * method, such things have no place.
   */
  putArtifact?(artifact: SinkArtifact): Promise<void>;

  /**
   * Makes what was put so far visible and durable, and takes more after that; where there is no such method, a destination is
   * seen as a whole or not at all.
   */
  checkpoint?(): Promise<void>;
  /** A document that is here, from this run or an earlier one that it goes on with; null when it is not. */
  readDocument?(digest: Digest): Promise<Buffer | null>;
  /** Makes everything visible at once: renames into place, synced. */
  commit(): Promise<void>;
  /**
   * Removes what was written; safe after a commit, and when nothing was. What a later run goes on with stays (see
   * `SinkOptions.resume`).
   */
  close(): Promise<void>;
}

export type SinkArtifact = Omit<SourceArtifact, 'kind' | 'ref' | 'blobs'> & { order?: number | undefined };

export interface SinkImage {
  /** `repository:tag` names in familiar form. */
  names: string[];
  /** Names beside those, also where the destination itself says what the image is called. */
  additional?: readonly string[];
  /** The name asked for in the destination (`oci:PATH:REF`), if any. */
  ref: string | null;
  config: Buffer;
  configDigest: Digest;
  /** Base first; every blob was put before. */
  layers: SinkLayer[];
  /** The kept manifest, to be written byte for byte because its layers are all kept; null: make a new one. */
  manifest: { raw: Buffer; mediaType: string; digest: Digest } | null;
  /** The v1 chain of the image, for legacy archives: base first. */
  chain: V1Link[] | null;
  createdSec: number;
  /** The names of the index that lists it and is put later: the name that a destination gives is for that one. */
  inIndex?: readonly string[] | undefined;
  /** Its place where a destination lists what it has; without it things are listed by name. */
  order?: number | undefined;
}

/** One v1 image; an empty one has no layer of its own. */
export interface V1Link {
  id: string;
  json: Buffer;
  empty: boolean;
}

export interface SinkLayer {
  diffId: Digest;
  digest: Digest;
  size: number;
  mediaType: string;
}

export interface WrittenImage {
  /** The manifest as others refer to it; null where the destination has none. */
  manifest: { digest: Digest; size: number; mediaType: string } | null;
}

export interface SinkIndex {
  names: string[];
  /** As of an image. */
  additional?: readonly string[];
  order?: number | undefined;
  ref: string | null;
  raw: Buffer;
  mediaType: string;
  digest: Digest;
}
