import type { BlobCache } from '../../cache/blob-cache.ts';
import type { PackingName } from '../../compression/codec.ts';
import type { EngineError } from '../../errors/engine-error.ts';
import type { Digest } from '../../identity/digest.ts';
import type { Platform } from '../../image/image-source.ts';
import type { ImageSink } from '../../image/image-sink.ts';
import type { ImageSource } from '../../image/image-source.ts';
import type { ManifestFormat } from '../../image/media-types.ts';
import type { Equality } from '../copy/equality.ts';

/** How images come to one destination. */
export interface CopyTerms {
  sink: ImageSink;
  /** `keep` (the default) leaves packed layers as they are, and plain ones too unless the destination wants them packed. */
  compression?: PackingName | 'keep' | undefined;
  level?: number | undefined;
  reproducible?: boolean | undefined;
  /** Pack also the layers that came in the compression asked for. */
  repack?: boolean | undefined;
  /** Of an index only these; all of them by default. */
  platforms?: readonly Platform[] | undefined;
  /** Media types of manifests; by default each image keeps its own. */
  format?: ManifestFormat | undefined;
  /** Fail an image before its first byte is written unless its manifest stays the same. */
  preserveDigests?: boolean | undefined;
  /** Fail an image before its first byte is written when it would change more than this. */
  allow?: Equality | undefined;
  /** Names for every image, beside those it has. */
  additionalNames?: readonly string[] | undefined;
  /** Say what would be done, and do nothing. */
  dryRun?: boolean | undefined;
}

/**
 * Brings the images of many sources to one destination without a store, each distinct layer once. Nothing is visible
 * there before all is done; the sink is closed at the end, and each source when it has been read.
 */
export interface CopyJob extends CopyTerms {
  type: 'copy';
  sources: readonly CopySource[];
  cache?: BlobCache | null | undefined;
  /** Told of each image, when the destination is complete. */
  onImage?: ((result: CopiedImage) => void) | undefined;
  /** As `onImage`, of each thing that refers to an image and came with it; one that failed is a result like those of images. */
  onArtifact?: ((artifact: CopiedArtifact) => void) | undefined;
}

/** A source that is opened when it is its turn. */
export interface CopySource {
  /** What the person wrote. */
  location: string;
  open(signal: AbortSignal): Promise<ImageSource>;
}

export interface CopiedArtifact {
  ref: string;
  digest: Digest;
  subject: Digest;
  artifactType: string | null;
}

export type CopiedImage = (CopyResult & { error: null }) | { source: string; ref: string | null; error: EngineError };

export interface CopyResult {
  source: string;
  ref: string;
  names: string[];
  platform: string | null;
  configDigest: string;
  /** Null where the destination has no manifests, and in a dry run for one that has yet to be made. */
  manifestDigest: string | null;
  layers: number;
  /** Bytes of layers in the destination; in a dry run those of layers whose size is known. */
  bytes: number;
  /** Layers, and their bytes, that were not there before and were brought. */
  sent: { layers: number; bytes: number };
  /** How layers were packed that were packed anew; `keep` when none was. */
  profile: string;
  seconds: number;
  equality: Equality;
  /** The same in words. */
  equal: string;
  warnings: string[];
}
