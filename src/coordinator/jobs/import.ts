import type { EngineError } from '../../errors/engine-error.ts';
import type { ImageSource, Platform } from '../../image/image-source.ts';

/** Registers every image of a source, each for itself, and tags it. Whoever opened the source closes it. */
export interface ImportJob {
  type: 'import';
  source: ImageSource;
  /** The name for the one image (or index) in the source, instead of those it has there. */
  name?: string | undefined;
  /** False refuses to move a tag that names another image. */
  clobber?: boolean | undefined;
  blobs?: 'keep' | 'drop' | undefined;
  /** What the tag of an index means. */
  platform?: Platform | undefined;
  /** Told of each image as it is done. */
  onImage?: ((result: ImportedImage) => void) | undefined;
}

export type ImportedImage = (ImportResult & { error: null }) | { source: string; ref: string; error: EngineError };

export interface ImportResult {
  source: string;
  ref: string;
  id: string;
  configDigest: string | null;
  names: string[];
  layers: number;
  registered: number;
  reused: number;
  /** Bytes of layers read. */
  bytes: number;
  seconds: number;
  /** What of the image is the same here as in its source. */
  equal: string;
  warnings: string[];
}
