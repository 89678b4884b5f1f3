import type { PackingName } from '../../compression/codec.ts';
import type { EngineError } from '../../errors/engine-error.ts';
import type { Platform } from '../../image/image-source.ts';
import type { ImageSink } from '../../image/image-sink.ts';

/** Writes images, each distinct layer once, to an archive or a layout; the sink is closed at the end. */
export interface ExportJob {
  type: 'export';
  /** Names, ids or prefixes. */
  names: readonly string[];
  sink: ImageSink;
  /** The sink's own when not given. */
  compression?: PackingName | 'keep' | undefined;
  level?: number | undefined;
  reproducible?: boolean | undefined;
  /** Fail before anything is written unless every manifest stays the same. */
  preserveDigests?: boolean | undefined;
  platform?: Platform | undefined;
  /** The name in the destination, for a single image. */
  ref?: string | null | undefined;
  /** Told of each image, when the destination is complete. */
  onImage?: ((result: ExportedImage) => void) | undefined;
}

export type ExportedImage = (ExportResult & { error: null }) | { name: string; error: EngineError };

export interface ExportResult {
  name: string;
  id: string;
  configDigest: string;
  manifestDigest: string | null;
  layers: number;
  /** Bytes of layers as they are in the destination. */
  bytes: number;
  /** How its layers were packed, such as `gzip:zlib/1.3.1:l4:b1M`; `keep` for as they came, with plain tars for the rest. */
  profile: string;
  seconds: number;
  /** What of the image is the same there as here. */
  equal: string;
}
